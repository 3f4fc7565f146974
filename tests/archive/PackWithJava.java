import java.io.FileOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/** Writes zips as XNAT does, stored and deflated: where to, then each member's name in hex and the file it is read from. */
class PackWithJava {
    public static void main(String[] given) throws Exception {
        for (int method : new int[] {ZipOutputStream.STORED, ZipOutputStream.DEFLATED}) {
            try (var zip = new ZipOutputStream(new FileOutputStream(given[0] + method))) {
                zip.setMethod(method);
                for (int at = 1; at < given.length; at += 2) {
                    byte[] content = Files.readAllBytes(Path.of(given[at + 1]));
                    var entry = new ZipEntry(new String(HexFormat.of().parseHex(given[at]), StandardCharsets.UTF_8));
                    if (method == ZipOutputStream.STORED) {
                        var sum = new CRC32();
                        sum.update(content);
                        entry.setSize(content.length);
                        entry.setCrc(sum.getValue());
                    }
                    zip.putNextEntry(entry);
                    zip.write(content);
                    zip.closeEntry();
                }
            }
        }
    }
}
