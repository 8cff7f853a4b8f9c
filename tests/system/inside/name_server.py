#!/usr/bin/python3
"""A name server on 127.0.0.99, which nobody asks unprompted: every name has the address 127.0.0.1, and nothing else."""

import socket
import struct

ADDRESS = 1  # the type of a question for it
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.99", 53))
while True:
    query, client = server.recvfrom(512)
    end = query.index(b"\0", 12) + 5
    is_wanted = struct.unpack_from(">H", query, end - 4)[0] == ADDRESS
    head = query[:2] + struct.pack(">HHHHH", 0x8180, 1, is_wanted, 0, 0)
    answer = b"\xc0\x0c" + struct.pack(">HHIH", ADDRESS, 1, 60, 4) + bytes((127, 0, 0, 1)) if is_wanted else b""
    server.sendto(head + query[12:end] + answer, client)
