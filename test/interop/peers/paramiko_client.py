"""Runs one command with paramiko: bytes in and out as they are, the exit code of the command as its own."""

import json
import sys
import threading

import paramiko

spec = json.loads(sys.argv[1])
kinds = {"ed25519": paramiko.Ed25519Key, "ecdsa": paramiko.ECDSAKey, "rsa": paramiko.RSAKey}

transport = paramiko.Transport(("127.0.0.1", spec["port"]))
options = transport.get_security_options()
options.kex = tuple(spec["kex"])
options.ciphers = tuple(spec["cipher"])
options.digests = tuple(spec["mac"])
options.key_types = tuple(spec["host_key"])
transport.start_client(timeout=20)
if transport.get_remote_server_key().get_base64() not in spec["known_hosts"]:
    sys.exit("unknown host key")
transport.auth_publickey(spec["user"], kinds[spec["key_type"]].from_private_key_file(spec["key"]))
channel = transport.open_session()
channel.exec_command(spec["command"])
given = sys.stdin.buffer.read()


def feed():
    channel.sendall(given)
    channel.shutdown_write()


def read_errors():
    while data := channel.recv_stderr(32768):
        sys.stderr.buffer.write(data)


threads = [threading.Thread(target=feed), threading.Thread(target=read_errors)]
for thread in threads:
    thread.start()
while data := channel.recv(32768):
    sys.stdout.buffer.write(data)
for thread in threads:
    thread.join()
status = channel.recv_exit_status()
sys.stdout.flush()
transport.close()
sys.exit(status)
