"""Runs one command with asyncssh: bytes in and out as they are, the exit code of the command as its own."""

import asyncio
import json
import sys

import asyncssh

spec = json.loads(sys.argv[1])


async def main():
    async with asyncssh.connect(
        "127.0.0.1",
        spec["port"],
        username=spec["user"],
        client_keys=[spec["key"]],
        known_hosts=spec["known_hosts"].encode(),
        agent_path=None,
        config=None,
        kex_algs=spec["kex"],
        encryption_algs=spec["cipher"],
        mac_algs=spec["mac"],
        server_host_key_algs=spec["host_key"],
    ) as connection:
        result = await connection.run(spec["command"], input=sys.stdin.buffer.read(), encoding=None)
        sys.stdout.buffer.write(result.stdout)
        sys.stderr.buffer.write(result.stderr)
        return result.exit_status


sys.exit(asyncio.run(main()))
