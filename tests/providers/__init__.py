"""Local stand-ins for the hosted services, over real TLS, HTTP/1.1 and HTTP/2."""
