"""Put image files into XNAT so that what is called stored is stored."""
