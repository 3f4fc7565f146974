import java.io.BufferedInputStream;
import java.io.FileInputStream;
import java.util.HexFormat;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;

/** Reads zips as XNAT does, member by member from the start, and prints what it finds: zip, MD5, size, name in hex. */
class UnpackWithJava {
    public static void main(String[] paths) throws Exception {
        for (String path : paths) {
            try (var zip = new ZipInputStream(new BufferedInputStream(new FileInputStream(path)))) {
                for (ZipEntry entry; (entry = zip.getNextEntry()) != null; ) {
                    var sum = MessageDigest.getInstance("MD5");
                    byte[] block = new byte[8192];
                    long size = 0;
                    for (int read; (read = zip.read(block)) > 0; size += read) sum.update(block, 0, read);
                    var name = HexFormat.of().formatHex(entry.getName().getBytes(StandardCharsets.UTF_8));
                    System.out.println(path + " " + HexFormat.of().formatHex(sum.digest()) + " " + size + " " + name);
                }
            }
        }
    }
}
