"""Every verb of paramiko's SFTP client, each with what it should give."""

import io
import json
import os
import stat
import sys
import warnings

warnings.simplefilter("ignore")
import paramiko

spec = json.loads(sys.argv[1])
transport = paramiko.Transport(("127.0.0.1", spec["port"]))
transport.start_client(timeout=20)
transport.auth_publickey(spec["user"], paramiko.Ed25519Key.from_private_key_file(spec["key"]))
sftp = paramiko.SFTPClient.from_transport(transport)
content = os.urandom(3_000_001)


def refused(work, kind=IOError):
    try:
        work()
    except kind:
        return
    raise AssertionError("not refused")


assert sftp.normalize(".") == "/"
sftp.mkdir("d", 0o755)
sftp.chdir("d")
assert sftp.getcwd() == "/d"
attrs = sftp.putfo(io.BytesIO(content), "file", confirm=True)
assert attrs.st_size == len(content)
back = io.BytesIO()
sftp.getfo("file", back)
assert back.getvalue() == content
with sftp.open("file", "r+b") as handle:
    assert handle.readv([(0, 100), (1_000_000, 40_000), (2_999_999, 2)]) is not None
    handle.seek(1000)
    handle.write(b"xyz")
    handle.seek(1000)
    assert handle.read(3) == b"xyz"
    handle.truncate(2000)
    assert handle.stat().st_size == 2000
    handle.chmod(0o600)
    handle.utime((1000, 2000))
assert stat.S_IMODE(sftp.stat("file").st_mode) == 0o600
assert sftp.stat("file").st_mtime == 2000
with sftp.open("file", "ab") as handle:
    handle.write(b"end")
assert sftp.stat("file").st_size == 2003
sftp.symlink("file", "link")
assert sftp.readlink("link") == "file"
assert stat.S_ISLNK(sftp.lstat("link").st_mode)
assert stat.S_ISREG(sftp.stat("link").st_mode)
sftp.rename("file", "renamed")
refused(lambda: sftp.stat("file"), FileNotFoundError)
sftp.posix_rename("renamed", "link")
assert sorted(sftp.listdir()) == ["link"]
sftp.mkdir("sub")
names = {entry.filename: entry for entry in sftp.listdir_attr(".")}
assert stat.S_ISDIR(names["sub"].st_mode)
refused(lambda: sftp.rmdir("/d"))
refused(lambda: sftp.mkdir("sub"))
refused(lambda: sftp.open("link", "xb"))
sftp.rmdir("sub")
sftp.remove("link")
sftp.chdir("/")
sftp.rmdir("d")
assert sftp.listdir() == []
sftp.close()
transport.close()
print("all as it should be")
