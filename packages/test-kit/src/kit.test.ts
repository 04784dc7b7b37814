import { once } from 'node:events'
import { type AddressInfo, createServer, connect as dial, type Socket } from 'node:net'
import { byteAtATime, Rng, randomChunks, whole } from '@hawser/testing/line'
import { describe, expect, test } from 'vitest'
import { type Machine, outputs, pump } from './pair.ts'
import { findPeer, peerNames, whyMissing } from './peers.ts'
import { freePort } from './ports.ts'
import { run } from './process.ts'
import { type Relay, startRelay } from './relay.ts'

describe('Rng', () => {
  test('the same seed gives the same bytes, another seed others', () => {
    expect(new Rng(7).bytes(33)).toEqual(new Rng(7).bytes(33))
    expect(new Rng('a').bytes(33)).not.toEqual(new Rng('b').bytes(33))
    expect(Buffer.from(new Rng(1).bytes(8)).toString('hex')).toBe(
      Buffer.from(new Rng(1).bytes(16)).toString('hex').slice(0, 16),
    )
  })

  test('choices stay within bounds and reach every value', () => {
    const rng = new Rng(1)
    const seen = new Set(Array.from({ length: 400 }, () => rng.between(3, 9)))
    expect([...seen].sort((a, b) => a - b)).toEqual([3, 4, 5, 6, 7, 8, 9])
    expect(rng.shuffle([1, 2, 3, 4, 5]).sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5])
    expect(() => rng.pick([])).toThrow(RangeError)
    const ones = rng.bytes(100_000).reduce((sum, byte) => sum + byte, 0) / 100_000
    expect(ones).toBeGreaterThan(126)
    expect(ones).toBeLessThan(129)
  })
})

/** Says each number it hears back minus one, until zero; polls one event per byte. */
class Countdown implements Machine<number> {
  #out: Uint8Array[] = []
  #in: number[] = []
  receive(input: Uint8Array): void {
    this.#in.push(...input)
  }
  poll(): number | undefined {
    const value = this.#in.shift()
    if (value !== undefined && value > 0) this.say([value - 1])
    return value
  }
  takeOutput(): Uint8Array | undefined {
    return this.#out.shift()
  }
  say(values: readonly number[]): void {
    this.#out.push(Uint8Array.from(values))
  }
}

describe('pump', () => {
  test.each([
    ['whole', whole],
    ['byteAtATime', byteAtATime],
    ['randomChunks', randomChunks(new Rng(3), 3)],
  ])('moves everything in order until both are silent (%s)', (_name, chunking) => {
    const [a, b] = [new Countdown(), new Countdown()]
    a.say([5, 1, 2])
    const moved = pump(a, b, { chunking })
    expect(moved.b).toEqual([5, 1, 2, 3, 0, 1])
    expect(moved.a).toEqual([4, 0, 1, 2, 0])
    expect([moved.toB, moved.toA]).toEqual([6, 5])
  })

  test('says so when two machines never fall silent', () => {
    const echo = (): Machine<never> => {
      const held: Uint8Array[] = [new Uint8Array(1)]
      return { receive: (b) => void held.push(b), poll: () => undefined, takeOutput: () => held.shift() }
    }
    expect(() => pump(echo(), echo(), { mostRounds: 50 })).toThrow(/after 50 rounds/)
  })

  test('tamper replaces or loses what passes; handlers may call verbs', () => {
    const [a, b] = [new Countdown(), new Countdown()]
    a.say([9])
    const moved = pump(a, b, {
      tamper: (bytes, to) => (to === 'a' ? undefined : Uint8Array.from(bytes, (v) => v + 1)),
      onB: (value) => value === 10 && a.say([0]),
    })
    expect(moved.b).toEqual([10, 1])
    expect(moved.a).toEqual([])
  })

  test('outputs joins the two parts of a payload', () => {
    const list = [{ head: Uint8Array.of(1), body: Uint8Array.of(2, 3) }, { head: Uint8Array.of(4) }]
    expect([...outputs({ takeOutput: () => list.shift() })]).toEqual([
      Uint8Array.of(1, 2, 3),
      Uint8Array.of(4),
    ])
  })
})

describe('startRelay', () => {
  const withEcho = async (
    options: Omit<Parameters<typeof startRelay>[0], 'target'>,
    use: (socket: Socket, relay: Relay) => Promise<void>,
  ): Promise<void> => {
    const echo = createServer((socket) => socket.on('error', () => {}).pipe(socket))
    echo.listen(0, '127.0.0.1')
    await once(echo, 'listening')
    const relay = await startRelay({ ...options, target: { port: (echo.address() as AddressInfo).port } })
    const socket = dial(relay.port, '127.0.0.1')
    await once(socket, 'connect')
    await use(socket, relay)
    socket.destroy()
    await relay.stop()
    echo.close()
    await once(echo, 'close')
  }
  const collect = async (socket: Socket): Promise<Buffer> => {
    const chunks: Buffer[] = []
    for await (const chunk of socket) chunks.push(chunk as Buffer)
    return Buffer.concat(chunks)
  }
  const sent = new Rng('relay').bytes(40_000)

  test('passes everything both ways, also in small pieces', async () => {
    await withEcho({ toServer: { piece: 1000 }, toClient: { piece: () => 777 } }, async (socket, relay) => {
      socket.end(sent)
      expect((await collect(socket)).equals(sent)).toBe(true)
      expect(relay.passed).toEqual({ toServer: 40_000, toClient: 40_000 })
      expect(relay.connections).toBe(1)
    })
  })

  test('cuts after exactly so many bytes: by an end', async () => {
    await withEcho({ toClient: { cutAfter: 12_345 }, cutBy: 'end' }, async (socket) => {
      socket.write(sent)
      expect((await collect(socket)).equals(sent.subarray(0, 12_345))).toBe(true)
    })
  })

  test('after a cut by an end it sees the other side go, even when that had more to say', async () => {
    await withEcho({ toServer: { cutAfter: 10 }, cutBy: 'end' }, async (_, relay) => {
      const socket = dial({ port: relay.port, host: '127.0.0.1', allowHalfOpen: true })
      socket.write(sent.subarray(0, 10))
      await once(socket.resume(), 'end')
      socket.end(sent)
      await once(socket, 'close')
      // Stopping waits for both sockets of every connection to be gone.
      await relay.stop()
    })
  })

  test('cuts by a reset', async () => {
    await withEcho({ toServer: { cutAfter: 1 } }, async (socket) => {
      socket.write(sent)
      await expect(once(socket, 'data')).rejects.toThrow('ECONNRESET')
    })
  })

  test('stalls after exactly so many bytes and stays open', async () => {
    await withEcho({ toServer: { stallAfter: 10 } }, async (socket, relay) => {
      socket.write(sent)
      const [echoed] = (await once(socket, 'data')) as [Buffer]
      expect(echoed.equals(sent.subarray(0, 10))).toBe(true)
      expect(relay.passed.toServer).toBe(10)
      expect(socket.readyState).toBe('open')
      relay.cut()
      await expect(once(socket, 'data')).rejects.toThrow('ECONNRESET')
    })
  })

  test('ends one way after exactly so many bytes, and the other goes on', async () => {
    await withEcho({ toClient: { endAfter: 10 } }, async (_, relay) => {
      const socket = dial({ port: relay.port, host: '127.0.0.1', allowHalfOpen: true })
      const chunks: Buffer[] = []
      socket.on('data', (chunk: Buffer) => chunks.push(chunk))
      socket.write(sent.subarray(0, 20_000))
      await once(socket, 'end')
      expect(Buffer.concat(chunks).equals(sent.subarray(0, 10))).toBe(true)
      socket.end(sent.subarray(20_000))
      await once(socket, 'close')
      await expect.poll(() => relay.passed.toServer).toBe(40_000)
    })
  })

  test('alters bytes at an offset', async () => {
    const flip = (piece: Buffer, offset: number): Buffer => {
      if (offset <= 5 && offset + piece.length > 5) piece[5 - offset] = 0xff
      return piece
    }
    await withEcho({ toServer: { alter: flip } }, async (socket) => {
      socket.end(new Uint8Array(10))
      expect([...(await collect(socket))]).toEqual([0, 0, 0, 0, 0, 0xff, 0, 0, 0, 0])
    })
  })
})

describe('the rest of the kit', () => {
  test('freePort gives a port that can be listened on', async () => {
    const port = await freePort()
    const server = createServer().listen(port, '127.0.0.1')
    await once(server, 'listening')
    expect((server.address() as AddressInfo).port).toBe(port)
    server.close()
  })

  test('every peer is either found with a version or missing with a reason', () => {
    for (const name of peerNames) {
      const peer = findPeer(name)
      if (peer === undefined)
        expect(whyMissing(name)).toMatch(/not installed \(Debian: apt-get install \S+\)/)
      else expect(peer.version).not.toBe('')
    }
  })

  test('run collects, times out and reports what cannot be started', async () => {
    const node = process.execPath
    expect(await run(node, ['-e', 'process.stdin.pipe(process.stdout)'], { input: 'hi' })).toMatchObject({
      text: 'hi',
      code: 0,
    })
    expect(await run(node, ['-e', 'setInterval(() => {}, 1000)'], { timeoutMs: 300 })).toMatchObject({
      timedOut: true,
      code: null,
    })
    await expect(run('/no/such/program', [])).rejects.toThrow(/cannot run \/no\/such\/program/)
  })
})
