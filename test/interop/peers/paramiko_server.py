"""Serves commands with paramiko until standard input ends; prints its port."""

import json
import socket
import subprocess
import sys
import threading

import paramiko

spec = json.loads(sys.argv[1])
kinds = {"ed25519": paramiko.Ed25519Key, "ecdsa": paramiko.ECDSAKey, "rsa": paramiko.RSAKey}
with open(spec["authorized_keys"]) as file:
    authorized = {line.split()[1] for line in file if line.strip()}


def carry(read, write, finish):
    while data := read(32768):
        write(data)
    finish()


class Server(paramiko.ServerInterface):
    def get_allowed_auths(self, username):
        return "publickey"

    def check_auth_publickey(self, username, key):
        return paramiko.AUTH_SUCCESSFUL if key.get_base64() in authorized else paramiko.AUTH_FAILED

    def check_channel_request(self, kind, chanid):
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel, command):
        threading.Thread(target=run, args=(channel, command), daemon=True).start()
        return True


def run(channel, command):
    pipe = subprocess.PIPE
    child = subprocess.Popen(command, shell=True, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0)
    ways = [
        (channel.recv, child.stdin.write, child.stdin.close),
        (child.stdout.read, channel.sendall, child.stdout.close),
        (child.stderr.read, channel.sendall_stderr, child.stderr.close),
    ]
    threads = [threading.Thread(target=carry, args=way, daemon=True) for way in ways]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    channel.send_exit_status(child.wait())
    channel.close()


def accept(listener):
    while True:
        transport = paramiko.Transport(listener.accept()[0])
        for kind, path in spec["host_keys"]:
            transport.add_server_key(kinds[kind].from_private_key_file(path))
        transport.start_server(server=Server(), event=threading.Event())


listener = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=accept, args=(listener,), daemon=True).start()
print(listener.getsockname()[1], flush=True)
sys.stdin.read()
