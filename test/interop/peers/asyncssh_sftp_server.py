"""Serves SFTP version 3 with asyncssh until standard input ends; prints its port."""

import asyncio
import json
import sys

import asyncssh

spec = json.loads(sys.argv[1])


async def main():
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=spec["host_keys"],
        authorized_client_keys=spec["authorized_keys"],
        sftp_factory=asyncssh.SFTPServer,
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()


asyncio.run(main())
