"""Opens connections to a port and holds them, silent, for two seconds after the last."""
import resource
import socket
import sys
import time

port, count = int(sys.argv[1]), int(sys.argv[2])
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, count + 100), hard))
held = []
for i in range(count):
    connection = socket.socket()
    connection.bind((f"127.0.0.{2 + i % 8}", 0))
    connection.connect(("127.0.0.1", port))
    held.append(connection)
time.sleep(2)
