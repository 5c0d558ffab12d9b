"""The REST surface: requests in, answers out, no sockets. One module per kind of object."""
