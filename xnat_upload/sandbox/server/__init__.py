"""The way from the socket to a route: connector, firewall, login, faults and the record of it all."""
