import { noBytes, ProtocolError, UsageError, utf8Encode, Writer } from '@hawser/wire'
import { describe, expect, test } from 'vitest'
import { type ReplyName, replyTo, type SftpReply, type SftpRequest } from '../protocol/messages.ts'
import { framed, names, ok, packet, version } from './fake-server.test-kit.ts'
import { SftpClientMachine } from './machine.ts'

const path = utf8Encode('p')
const h = utf8Encode('h')
const requests: readonly SftpRequest[] = [
  { type: 'open', filename: path, pflags: 1, attrs: {} },
  { type: 'close', handle: h },
  { type: 'read', handle: h, offset: 0n, len: 4 },
  { type: 'write', handle: h, offset: 0n, data: path },
  { type: 'lstat', path },
  { type: 'fstat', handle: h },
  { type: 'setstat', path, attrs: {} },
  { type: 'fsetstat', handle: h, attrs: {} },
  { type: 'opendir', path },
  { type: 'readdir', handle: h },
  { type: 'remove', filename: path },
  { type: 'mkdir', path, attrs: {} },
  { type: 'rmdir', path },
  { type: 'realpath', path },
  { type: 'stat', path },
  { type: 'rename', oldpath: path, newpath: path },
  { type: 'readlink', path },
  { type: 'symlink', targetpath: path, linkpath: path },
]
const answers: Readonly<Record<ReplyName, SftpReply>> = {
  status: ok,
  handle: { type: 'handle', handle: h },
  data: { type: 'data', data: utf8Encode('abc') },
  name: names('one'),
  attrs: { type: 'attrs', attrs: { size: 1n } },
  extendedReply: { type: 'extendedReply', data: path },
}

/** A machine after the version exchange. */
function ready(): SftpClientMachine {
  const machine = new SftpClientMachine()
  machine.start()
  machine.receive(version())
  expect(machine.poll()).toEqual({ type: 'version', extensions: [] })
  while (machine.takeOutput() !== undefined);
  return machine
}

describe('every request with every reply', () => {
  for (const request of requests)
    for (const answer of Object.values(answers)) {
      const expected = replyTo[request.type] as ReplyName
      const right = answer.type === expected
      test(`${answer.type} in reply to ${request.type} is ${right ? 'taken' : 'refused'}`, () => {
        const machine = ready()
        const id = machine.request(request)
        machine.receive(packet(id, answer))
        if (right) {
          expect(machine.poll()).toEqual({ type: 'reply', id, reply: answer })
          expect(machine.outstanding).toBe(0)
        } else {
          expect(() => machine.poll()).toThrow(ProtocolError)
          expect(() => machine.poll()).toThrow(expect.objectContaining({ code: 'SSH_SFTP_WRONG_REPLY' }))
        }
      })
    }

  test.each(requests)('a refusal answers $type', (request) => {
    const machine = ready()
    const id = machine.request(request)
    const no: SftpReply = { type: 'status', code: 3, message: 'no', language: 'en' }
    machine.receive(packet(id, no))
    expect(machine.poll()).toEqual({ type: 'reply', id, reply: no })
  })

  test.each(Object.values(answers))('$type answers an extended request that expects any', (answer) => {
    const machine = ready()
    const id = machine.request({ type: 'extended', request: 'x@y', data: noBytes }, { expects: 'any' })
    machine.receive(packet(id, answer))
    expect(machine.poll()).toEqual({ type: 'reply', id, reply: answer })
  })
})

describe('the version', () => {
  const before = (bytes: Uint8Array): SftpClientMachine => {
    const machine = new SftpClientMachine()
    machine.start()
    machine.receive(bytes)
    return machine
  }

  test('leaves as INIT 3', () => {
    const machine = new SftpClientMachine()
    machine.start()
    expect(machine.takeOutput()).toEqual(Uint8Array.of(0, 0, 0, 5, 1, 0, 0, 0, 3))
    expect(machine.takeOutput()).toBeUndefined()
    expect(() => machine.start()).toThrow(UsageError)
  })

  test.each([2, 4, 6, 0xffff_ffff])('%d is refused', (number) => {
    const machine = before(framed(new Writer().byte(2).uint32(number).finish()))
    expect(() => machine.poll()).toThrow(`the server speaks SFTP version ${number}`)
  })

  test('must be the first message', () => {
    expect(() => before(packet(0, ok)).poll()).toThrow('where the server')
    expect(() => before(packet(0, answers.data)).poll()).toThrow(ProtocolError)
  })

  test('comes once', () => {
    const machine = ready()
    machine.receive(version())
    expect(() => machine.poll()).toThrow('which is no reply')
  })

  test('is waited for', () => {
    const machine = new SftpClientMachine()
    machine.start()
    expect(() => machine.request({ type: 'stat', path })).toThrow(UsageError)
  })

  test('text in its place is shown', () => {
    expect(() => before(utf8Encode('Welcome to example.net\n')).poll()).toThrow('Welcome to example.net')
  })

  test('has extensions, and bytes that are none are refused', () => {
    expect(before(version('statvfs')).poll()).toMatchObject({
      extensions: [{ name: 'statvfs@openssh.com', data: utf8Encode('2') }],
    })
    const half = framed(new Writer().byte(2).uint32(3).string('name').finish())
    expect(() => before(half).poll()).toThrow(ProtocolError)
  })
})

describe('a server that lies', () => {
  test.each([0, 0x7fff_ffff, 0xffff_ffff, 263_169])(
    'a packet of %d bytes is refused by its length',
    (length) => {
      const machine = ready()
      machine.receive(new Writer().uint32(length).finish())
      expect(() => machine.poll()).toThrow(expect.objectContaining({ code: 'SSH_LIMIT_SFTP_PACKET' }))
    },
  )

  test.each([1, 7, 0xffff_ffff])('an id that nobody waits for: %d', (id) => {
    const machine = ready()
    machine.request({ type: 'stat', path })
    machine.receive(packet(id, answers.attrs))
    expect(() => machine.poll()).toThrow(expect.objectContaining({ code: 'SSH_SFTP_UNKNOWN_ID' }))
  })

  test('a second reply to one request', () => {
    const machine = ready()
    const id = machine.request({ type: 'stat', path })
    machine.receive(packet(id, answers.attrs))
    machine.receive(packet(id, answers.attrs))
    machine.poll()
    expect(() => machine.poll()).toThrow(expect.objectContaining({ code: 'SSH_SFTP_UNKNOWN_ID' }))
  })

  test('data beyond what was asked for', () => {
    const machine = ready()
    const id = machine.request({ type: 'read', handle: h, offset: 0n, len: 4 })
    machine.receive(packet(id, { type: 'data', data: utf8Encode('12345') }))
    expect(() => machine.poll()).toThrow(expect.objectContaining({ code: 'SSH_SFTP_DATA_TOO_LONG' }))
  })

  test.each([0, 2, 4, 0xffff_ffff])('3 bytes of data that are said to be %d', (said) => {
    const machine = ready()
    const id = machine.request({ type: 'read', handle: h, offset: 0n, len: 9 })
    const lie = new Writer().byte(103).uint32(id).uint32(said).byte(1).byte(2).byte(3).finish()
    machine.receive(framed(lie))
    expect(() => machine.poll()).toThrow(ProtocolError)
  })

  test('no data stands for the end of the file', () => {
    const machine = ready()
    const id = machine.request({ type: 'read', handle: h, offset: 0n, len: 9 })
    machine.receive(packet(id, { type: 'data', data: noBytes }))
    expect(machine.poll()).toMatchObject({ reply: { type: 'status', code: 1 } })
  })

  test.each([2, 1000, 0xffff_ffff])('one name that is said to be %d', (said) => {
    const machine = ready()
    const id = machine.request({ type: 'readdir', handle: h })
    const entry = new Writer().string('a').string('long').uint32(0).finish()
    const lie = new Writer().byte(104).uint32(id).uint32(said)
    for (const byte of entry) lie.byte(byte)
    machine.receive(framed(lie.finish()))
    expect(() => machine.poll()).toThrow(ProtocolError)
  })

  test.each(['realpath', 'readlink'] as const)('%s is answered with one name', (type) => {
    const machine = ready()
    machine.receive(packet(machine.request({ type, path }), names()))
    expect(() => machine.poll()).toThrow('0 names in reply')
    const other = ready()
    other.receive(packet(other.request({ type, path }), names('a', 'b')))
    expect(() => other.poll()).toThrow('2 names in reply')
  })

  test('a handle of 257 bytes', () => {
    const machine = ready()
    const id = machine.request({ type: 'opendir', path })
    machine.receive(packet(id, { type: 'handle', handle: new Uint8Array(257) }))
    expect(() => machine.poll()).toThrow(expect.objectContaining({ code: 'SSH_LIMIT_SFTP_HANDLE' }))
  })

  test('requests and unknown numbers are no replies', () => {
    for (const number of [0, 1, 3, 20, 99, 200, 255]) {
      const machine = ready()
      machine.receive(framed(new Writer().byte(number).uint32(0).finish()))
      expect(() => machine.poll()).toThrow(ProtocolError)
    }
  })

  test('is dead for us afterwards', () => {
    const machine = ready()
    machine.receive(new Uint8Array(4))
    expect(() => machine.poll()).toThrow(ProtocolError)
    machine.receive(version())
    expect(() => machine.poll()).toThrow('an SFTP packet of 0 bytes')
    expect(() => machine.request({ type: 'stat', path })).toThrow(UsageError)
  })
})

test('a status may lack its message and language', () => {
  const machine = ready()
  const id = machine.request({ type: 'stat', path })
  machine.receive(framed(new Writer().byte(101).uint32(id).uint32(2).finish()))
  expect(machine.poll()).toMatchObject({ reply: { type: 'status', code: 2, message: '' } })
})

test('ids count up from 0, and replies may come in any order', () => {
  const machine = ready()
  const ids = requests.map((request) => machine.request(request))
  expect(ids).toEqual(requests.map((_, i) => i))
  for (const id of [...ids].reverse())
    machine.receive(packet(id, { type: 'status', code: 4, message: '', language: '' }))
  const seen: number[] = []
  for (let event = machine.poll(); event !== undefined; event = machine.poll())
    if (event.type === 'reply') seen.push(event.id)
  expect(seen).toEqual([...ids].reverse())
})

test('byte at a time gives the same', () => {
  const conversation = (cut: boolean): unknown[] => {
    const machine = new SftpClientMachine()
    const events: unknown[] = []
    const receive = (bytes: Uint8Array): void => {
      for (const piece of cut ? [...bytes].map((byte) => Uint8Array.of(byte)) : [bytes]) {
        machine.receive(piece)
        for (let event = machine.poll(); event !== undefined; event = machine.poll()) events.push(event)
      }
    }
    machine.start()
    receive(version('limits', 'posixRename'))
    for (const request of requests) {
      const id = machine.request(request)
      receive(packet(id, answers[replyTo[request.type] as ReplyName]))
    }
    return events
  }
  const cut = conversation(true)
  expect(cut).toEqual(conversation(false))
  expect(cut).toHaveLength(requests.length + 1)
})

const hundred = Uint8Array.from({ length: 100 }, (_, i) => i)

test('a read is gathered where its caller wants it', () => {
  const into = new Uint8Array(100)
  const machine = ready()
  const id = machine.request({ type: 'read', handle: h, offset: 0n, len: 100 }, { into })
  const bytes = packet(id, { type: 'data', data: hundred })
  machine.receive(bytes.subarray(0, 40))
  expect(machine.poll()).toBeUndefined()
  machine.receive(bytes.subarray(40))
  expect(machine.poll()).toEqual({ type: 'reply', id, reply: { type: 'data', data: hundred } })
  expect(into).toEqual(hundred)
})

describe('a read in pieces', () => {
  const read: SftpRequest = { type: 'read', handle: h, offset: 0n, len: 100 }

  test.each([1, 7, 40, 113])('that arrives %d bytes at a time, gives all of them, then its reply', (step) => {
    const machine = ready()
    const id = machine.request(read, { into: 'pieces' })
    const bytes = packet(id, { type: 'data', data: hundred })
    const got: number[] = []
    let replies = 0
    for (let at = 0; at < bytes.length; at += step) {
      machine.receive(bytes.slice(at, at + step))
      for (let event = machine.poll(); event !== undefined; event = machine.poll())
        if (event.type === 'piece') got.push(...event.data)
        else replies++
    }
    expect(got).toEqual([...hundred])
    expect(replies).toBe(1)
    expect(machine.outstanding).toBe(0)
  })

  test('is refused before its data when that is too long, or not as long as it says', () => {
    for (const [packetLength, size] of [
      [110, 101],
      [109, 99],
      [109, 101],
      [50, 100],
    ] as const) {
      const machine = ready()
      const id = machine.request(read, { into: 'pieces' })
      machine.receive(new Writer().uint32(packetLength).byte(103).uint32(id).uint32(size).byte(1).finish())
      expect(() => machine.poll()).toThrow(ProtocolError)
    }
  })

  test('may be followed by another reply at once', () => {
    const machine = ready()
    const id = machine.request(read, { into: 'pieces' })
    const other = machine.request({ type: 'stat', path })
    const bytes = packet(id, { type: 'data', data: hundred })
    machine.receive(bytes.slice(0, 50))
    expect(machine.poll()).toMatchObject({ type: 'piece', id })
    machine.receive(Uint8Array.from([...bytes.slice(50), ...packet(other, answers.attrs)]))
    expect(machine.poll()).toMatchObject({ type: 'piece', id })
    expect(machine.poll()).toMatchObject({ type: 'reply', id })
    expect(machine.poll()).toEqual({ type: 'reply', id: other, reply: answers.attrs })
  })
})

test('garbage is refused by ProtocolError and nothing else', () => {
  let seed = 1
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((seed / 2 ** 32) * below)
  }
  let refused = 0
  for (let round = 0; round < 3000; round++) {
    const machine = ready()
    for (const request of requests) machine.request(request)
    const expected = requests[random(requests.length)] as SftpRequest
    const good = packet(requests.indexOf(expected), answers[replyTo[expected.type] as ReplyName])
    for (let flips = 1 + random(3); flips > 0; flips--) good[random(good.length)] = random(256)
    machine.receive(good)
    try {
      while (machine.poll() !== undefined);
    } catch (error) {
      expect(error).toBeInstanceOf(ProtocolError)
      refused++
    }
  }
  expect(refused).toBeGreaterThan(1000)
})

test('a write leaves as head and data, without a copy', () => {
  const machine = ready()
  const data = new Uint8Array(70_000).fill(7)
  machine.request({ type: 'write', handle: h, offset: 2n ** 40n, data })
  const head = machine.takeOutput() as Uint8Array
  expect(machine.takeOutput()).toBe(data)
  expect(new DataView(head.buffer, head.byteOffset).getUint32(0)).toBe(head.length - 4 + data.length)
})

test('the paths of a symlink go in the order that the server has', () => {
  const sent = (o: { readonly linkPathFirst?: boolean }): string => {
    const machine = new SftpClientMachine(o)
    machine.start()
    machine.receive(version())
    machine.poll()
    while (machine.takeOutput() !== undefined);
    machine.request({ type: 'symlink', targetpath: utf8Encode('target'), linkpath: utf8Encode('link') })
    return String.fromCharCode(...(machine.takeOutput() as Uint8Array)).replace(/[^a-z]/g, ' ')
  }
  expect(sent({})).toMatch(/target +link/)
  expect(sent({ linkPathFirst: true })).toMatch(/link +target/)
})
