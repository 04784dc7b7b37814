"""Serves the disk by SFTP with paramiko until standard input ends; prints its port."""

import json
import os
import socket
import sys
import threading

import paramiko
from paramiko import SFTPAttributes, SFTPHandle, SFTPServer, SFTPServerInterface

spec = json.loads(sys.argv[1])


def attempt(work):
    """What `work` gives, or the status of its error."""
    try:
        result = work()
        return paramiko.SFTP_OK if result is None else result
    except OSError as error:
        return SFTPServer.convert_errno(error.errno)


def change(path, attr):
    """As SFTPServer.set_file_attr, which empties a file before it sets its size."""
    if attr._flags & attr.FLAG_SIZE:
        os.truncate(path, attr.st_size)
        attr._flags &= ~attr.FLAG_SIZE
    SFTPServer.set_file_attr(path, attr)


class Handle(SFTPHandle):
    def stat(self):
        return attempt(lambda: SFTPAttributes.from_stat(os.fstat(self.readfile.fileno())))

    def chattr(self, attr):
        return attempt(lambda: change(self.filename, attr))


class Disk(SFTPServerInterface):
    def list_folder(self, path):
        def names():
            return [SFTPAttributes.from_stat(os.lstat(os.path.join(path, n)), n) for n in os.listdir(path)]

        return attempt(names)

    def stat(self, path):
        return attempt(lambda: SFTPAttributes.from_stat(os.stat(path)))

    def lstat(self, path):
        return attempt(lambda: SFTPAttributes.from_stat(os.lstat(path)))

    def open(self, path, flags, attr):
        def opened():
            handle = Handle(flags)
            handle.filename = path
            mode = 0o666 if attr.st_mode is None else attr.st_mode
            # paramiko's own handle seeks before it writes, which is all that a file opened to append needs.
            file = os.fdopen(os.open(path, flags, mode), "rb+" if flags & (os.O_WRONLY | os.O_RDWR) else "rb", 0)
            handle.readfile = handle.writefile = file
            return handle

        if flags & os.O_WRONLY:
            flags = (flags & ~os.O_WRONLY) | os.O_RDWR
        return attempt(opened)

    def remove(self, path):
        return attempt(lambda: os.remove(path))

    def rename(self, oldpath, newpath):
        if os.path.lexists(newpath):
            return paramiko.SFTP_FAILURE
        return attempt(lambda: os.rename(oldpath, newpath))

    def posix_rename(self, oldpath, newpath):
        return attempt(lambda: os.replace(oldpath, newpath))

    def mkdir(self, path, attr):
        return attempt(lambda: os.mkdir(path))

    def rmdir(self, path):
        return attempt(lambda: os.rmdir(path))

    def chattr(self, path, attr):
        return attempt(lambda: change(path, attr))

    def symlink(self, target_path, path):
        return attempt(lambda: os.symlink(target_path, path))

    def readlink(self, path):
        return attempt(lambda: os.readlink(path))

    def canonicalize(self, path):
        return os.path.realpath(path)


class Everybody(paramiko.ServerInterface):
    def get_allowed_auths(self, username):
        return "publickey"

    def check_auth_publickey(self, username, key):
        return paramiko.AUTH_SUCCESSFUL if key.get_base64() in spec["keys"] else paramiko.AUTH_FAILED

    def check_channel_request(self, kind, chanid):
        return paramiko.OPEN_SUCCEEDED


def serve(connection):
    transport = paramiko.Transport(connection)
    for path in spec["host_keys"]:
        transport.add_server_key(paramiko.Ed25519Key(filename=path))
    transport.set_subsystem_handler("sftp", SFTPServer, Disk)
    transport.start_server(server=Everybody())


listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)


def accept():
    while True:
        serve(listener.accept()[0])


threading.Thread(target=accept, daemon=True).start()
sys.stdin.read()
os._exit(0)
