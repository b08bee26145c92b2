"""The demo's second program: maps the region that the Go program made, checks it, answers inside the mapping.

Nothing here knows of shmfs: open, fstat and mmap are all there is. The layout is in writer/main.go.
"""

import mmap
import os
import struct
import sys
import time
import zlib

HEADER = 4096
WRITTEN, ANSWERED = 1, 2


def open_region(path, deadline):
    """Waits until the region is there and has its size."""
    while time.monotonic() < deadline:
        try:
            fd = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            time.sleep(0.01)
            continue
        if os.fstat(fd).st_size > HEADER:
            return fd
        os.close(fd)
        time.sleep(0.01)
    sys.exit("reader: no region at " + path)


def main():
    deadline = time.monotonic() + 60
    fd = open_region(sys.argv[1], deadline)
    with mmap.mmap(fd, 0) as region:
        os.close(fd)  # the mapping lives on
        while struct.unpack_from("=Q", region, 0)[0] != WRITTEN:
            if time.monotonic() > deadline:
                sys.exit("reader: the writer never finished")
            time.sleep(0.001)
        with memoryview(region) as view:
            checksum = zlib.crc32(view[HEADER:])
        text = "Python %d.%d read %d bytes" % (*sys.version_info[:2], len(region) - HEADER)
        struct.pack_into("=QQ64s", region, 8, checksum, len(text), text.encode())
        struct.pack_into("=Q", region, 0, ANSWERED)


main()
