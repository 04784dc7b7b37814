"""Serves commands with asyncssh until standard input ends; prints its port."""

import asyncio
import json
import sys

import asyncssh

spec = json.loads(sys.argv[1])
PIPE = asyncio.subprocess.PIPE


# As it was before CVE-2023-48795.
if not spec.get("strict", True):
    asyncssh.SSHServerConnection._get_extra_kex_algs = lambda _: [b"ext-info-s"]
    asyncssh.SSHServerConnection._strict_kex = property(lambda _: False, lambda _, value: None)


async def carry(source, target, finish=None):
    while data := await source.read(32768):
        target.write(data)
        await target.drain()
    if finish is not None:
        finish()


async def serve(process):
    child = await asyncio.create_subprocess_shell(process.command, stdin=PIPE, stdout=PIPE, stderr=PIPE)
    await asyncio.gather(
        carry(process.stdin, child.stdin, child.stdin.close),
        carry(child.stdout, process.stdout),
        carry(child.stderr, process.stderr),
    )
    process.exit(await child.wait())


async def main():
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=spec["host_keys"],
        authorized_client_keys=spec["authorized_keys"],
        process_factory=serve,
        encoding=None,
        **({"encryption_algs": spec["ciphers"]} if "ciphers" in spec else {}),
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()


asyncio.run(main())
