"""Every verb of asyncssh's SFTP client, each with what it should give."""

import asyncio
import json
import os
import sys
import tempfile
import warnings

warnings.simplefilter("ignore")
import asyncssh

spec = json.loads(sys.argv[1])
content = os.urandom(3_000_001)


async def refused(work, kind=asyncssh.SFTPError):
    try:
        await work
    except kind:
        return
    raise AssertionError("not refused")


async def main():
    async with asyncssh.connect(
        "127.0.0.1",
        spec["port"],
        username=spec["user"],
        client_keys=[spec["key"]],
        known_hosts=None,
        agent_path=None,
        config=None,
    ) as connection, connection.start_sftp_client() as sftp:
        with tempfile.TemporaryDirectory() as folder:
            local = os.path.join(folder, "local")
            with open(local, "wb") as out:
                out.write(content)
            os.utime(local, (1000, 2000))
            assert await sftp.realpath(".") == "/"
            await sftp.mkdir("d")
            await sftp.chdir("d")
            await sftp.put(local, "file", preserve=True)
            assert (await sftp.stat("file")).mtime == 2000
            await sftp.get("file", local + "2")
            with open(local + "2", "rb") as back:
                assert back.read() == content
            await sftp.put(folder, "tree", recurse=True)
            assert sorted(await sftp.listdir("tree")) == [".", "..", "local", "local2"]
            await sftp.rmtree("tree")
        async with sftp.open("file", "r+b") as handle:
            assert await handle.read(10, 1000) == content[1000:1010]
            await handle.write(b"xyz", 1000)
            assert await handle.read(3, 1000) == b"xyz"
            await handle.truncate(2000)
            assert (await handle.stat()).size == 2000
            assert (await handle.statvfs()).bsize > 0
            await handle.fsync()
        await sftp.chmod("file", 0o600)
        assert (await sftp.stat("file")).permissions & 0o7777 == 0o600
        await sftp.utime("file", (5, 6))
        await sftp.link("file", "hard")
        # asyncssh makes the target absolute, not the link.
        await sftp.symlink("file", "/d/soft")
        assert (await sftp.readlink("soft")).endswith("/d/file")
        assert await sftp.realpath("soft") == "/d/file"
        assert await sftp.islink("soft")
        assert await sftp.isfile("soft")
        assert (await sftp.statvfs("/")).bsize > 0
        await refused(sftp.rename("file", "hard"))
        await sftp.posix_rename("file", "hard")
        await sftp.rename("soft", "softer")
        await refused(sftp.stat("nothing"), asyncssh.SFTPNoSuchFile)
        await refused(sftp.rmdir("/d"))
        for name in await sftp.listdir():
            if name not in (".", ".."):
                await sftp.remove(name)
        await sftp.chdir("/")
        await sftp.rmdir("d")
        assert await sftp.listdir() == [".", ".."]
    print("all as it should be")


asyncio.run(main())
