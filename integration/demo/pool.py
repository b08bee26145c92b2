"""A pool of workers that share memory through files of a directory, as programs use /dev/shm. It is killed by demo-leak.sh:
nothing in here cleans up."""
import mmap
import multiprocessing
import os
import sys
import time

WORKERS, EACH, SIZE = 4, 5, 1 << 20


def work(n):
    path = os.path.join(sys.argv[1], f"worker-{n // EACH}-result-{n % EACH}")
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    os.ftruncate(fd, SIZE)
    with mmap.mmap(fd, SIZE) as memory:
        memory[:] = bytes([n]) * SIZE
    os.close(fd)
    return os.getpid()


if __name__ == "__main__":
    with multiprocessing.Pool(WORKERS) as pool:
        pool.map(work, range(WORKERS * EACH), chunksize=EACH)
        print("ready", flush=True)
        time.sleep(600)
