import { concat, ProtocolError, type TraceEvent, UsageError, utf8Encode, Writer } from '@hawser/wire'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { extensions } from '../protocol/extensions.ts'
import {
  data,
  extended,
  init,
  type ReplyName,
  replies,
  replyTo,
  requests,
  type SftpReply,
  status,
  version,
} from '../protocol/messages.ts'
import { type SftpServerEvent, SftpServerMachine, type SftpServerMachineOptions } from './machine.ts'

const bytes = utf8Encode
const id = 7
const handle = bytes('h')
const path = bytes('/p')
const attrs = {}

/** One of each request. */
const samples: Readonly<Record<keyof typeof requests, Uint8Array>> = {
  open: requests.open.encode({ id, filename: path, pflags: 1, attrs }),
  close: requests.close.encode({ id, handle }),
  read: requests.read.encode({ id, handle, offset: 0n, len: 10 }),
  write: requests.write.encode({ id, handle, offset: 0n, data: bytes('abc') }),
  lstat: requests.lstat.encode({ id, path }),
  fstat: requests.fstat.encode({ id, handle }),
  setstat: requests.setstat.encode({ id, path, attrs }),
  fsetstat: requests.fsetstat.encode({ id, handle, attrs }),
  opendir: requests.opendir.encode({ id, path }),
  readdir: requests.readdir.encode({ id, handle }),
  remove: requests.remove.encode({ id, filename: path }),
  mkdir: requests.mkdir.encode({ id, path, attrs }),
  rmdir: requests.rmdir.encode({ id, path }),
  realpath: requests.realpath.encode({ id, path }),
  stat: requests.stat.encode({ id, path }),
  rename: requests.rename.encode({ id, oldpath: path, newpath: path }),
  readlink: requests.readlink.encode({ id, path }),
  symlink: requests.symlink.encode({ id, targetpath: path, linkpath: path }),
  extended: requests.extended.encode({ id, request: 'x@example.org', data: bytes('anything') }),
}

const oneName = [{ filename: path, longname: path, attrs }]
const someReplies: Readonly<Record<ReplyName, SftpReply>> = {
  status: { type: 'status', code: 0, message: '', language: '' },
  handle: { type: 'handle', handle },
  data: { type: 'data', data: bytes('abc') },
  name: { type: 'name', names: oneName },
  attrs: { type: 'attrs', attrs },
  extendedReply: { type: 'extendedReply', data: bytes('x') },
}
const ok = someReplies.status
const failure: SftpReply = { type: 'status', code: 4, message: 'no', language: '' }

function packet(payload: Uint8Array): Uint8Array {
  return new Writer().string(payload).finish()
}

const hello = packet(init.encode({ version: 3, extensions: [] }))

function output(machine: SftpServerMachine): Uint8Array {
  const chunks: Uint8Array[] = []
  for (let next = machine.takeOutput(); next !== undefined; next = machine.takeOutput()) chunks.push(next)
  return concat(...chunks)
}

/** A machine past the version exchange. */
function started(o: SftpServerMachineOptions = {}): SftpServerMachine {
  const machine = new SftpServerMachine(o)
  machine.receive(hello)
  machine.poll()
  output(machine)
  return machine
}

function all(machine: SftpServerMachine): SftpServerEvent[] {
  const events: SftpServerEvent[] = []
  for (let event = machine.poll(); event !== undefined; event = machine.poll()) events.push(event)
  return events
}

describe('SftpServerMachine', () => {
  test('answers INIT with its version and extensions', () => {
    const pairs = [{ name: 'a@example.org', data: bytes('1') }]
    const machine = new SftpServerMachine({ extensions: pairs })
    machine.receive(
      packet(init.encode({ version: 6, extensions: [{ name: 'theirs', data: new Uint8Array(0) }] })),
    )
    expect(machine.poll()).toEqual({
      type: 'init',
      version: 6,
      extensions: [{ name: 'theirs', data: new Uint8Array(0) }],
    })
    expect(output(machine)).toEqual(packet(version.encode({ version: 3, extensions: pairs })))
  })

  test.each(Object.entries(samples))('%s is given with its id and fields', (name, payload) => {
    const machine = started()
    machine.receive(packet(payload))
    const [event, ...more] = all(machine)
    expect(more).toEqual([])
    const { id: _, ...fields } = (
      requests[name as keyof typeof requests] as { decode(b: Uint8Array): { id: number } }
    ).decode(payload)
    expect(event).toEqual({ type: 'request', id, request: { type: name, ...fields } })
  })

  describe.each(Object.entries(samples))('the replies of %s', (name, payload) => {
    const expected = replyTo[name as keyof typeof replyTo]
    test.each(Object.entries(someReplies))('%s', (replyName, reply) => {
      const machine = started()
      machine.receive(packet(payload))
      all(machine)
      if (expected === undefined || expected === replyName) {
        machine.reply(id, reply)
        const { type, ...fields } = reply
        expect(output(machine)).toEqual(packet(replies[type].encode({ ...fields, id } as never)))
        expect(() => machine.reply(id, reply)).toThrow(UsageError)
      } else {
        expect(() => machine.reply(id, reply)).toThrow(/which is answered by/)
        expect(machine.outstanding).toBe(1)
        machine.reply(id, failure)
        expect(output(machine)).toEqual(packet(status.encode({ id, code: 4, message: 'no', language: '' })))
      }
      expect(machine.outstanding).toBe(0)
    })
  })

  test('an extended request of the table is held to its reply', () => {
    const machine = started()
    machine.receive(
      packet(
        extended.encode({
          id,
          request: 'statvfs@openssh.com',
          data: extensions.statvfs.request.encode({ path }),
        }),
      ),
    )
    all(machine)
    expect(() => machine.reply(id, ok)).toThrow(UsageError)
    machine.reply(id, someReplies.extendedReply)
  })

  test.each([
    ['no names for realpath', samples.realpath, { type: 'name', names: [] }],
    ['two names for readlink', samples.readlink, { type: 'name', names: [...oneName, ...oneName] }],
    ['an empty handle', samples.open, { type: 'handle', handle: new Uint8Array(0) }],
    ['a handle of 257 bytes', samples.open, { type: 'handle', handle: new Uint8Array(257) }],
    ['half an owner', samples.stat, { type: 'attrs', attrs: { uid: 1 } }],
  ] as const)('refuses to send %s, and the request can still be answered', (_, payload, reply) => {
    const machine = started()
    machine.receive(packet(payload))
    all(machine)
    expect(() => machine.reply(id, reply)).toThrow(UsageError)
    machine.reply(id, failure)
  })

  test.each(Object.entries({ ...samples, version: version.encode({ version: 3, extensions: [] }) }))(
    '%s before INIT ends it',
    (_, payload) => {
      const machine = new SftpServerMachine()
      machine.receive(packet(payload))
      expect(() => machine.poll()).toThrow(/INIT/)
      expect(() => machine.poll()).toThrow(ProtocolError)
    },
  )

  test('a second INIT ends it', () => {
    const machine = started()
    machine.receive(hello)
    expect(() => machine.poll()).toThrow(/second SFTP INIT/)
  })

  test('a number that is no request is answered and passed over', () => {
    for (const number of [0, 2, 21, 101, 103, 201, 255]) {
      const machine = started()
      machine.receive(packet(new Writer().byte(number).uint32(id).bytes(bytes('whatever')).finish()))
      machine.receive(packet(samples.stat))
      expect(all(machine)).toMatchObject([{ request: { type: 'stat' } }])
      expect(status.decode(output(machine).subarray(4))).toMatchObject({ id, code: 8 })
    }
  })

  test.each(Object.entries(samples).filter(([name]) => name !== 'extended'))(
    'a %s cut short, or too long, is a bad message',
    (_, payload) => {
      for (let length = 5; length < payload.length; length++) {
        const machine = started()
        machine.receive(packet(payload.subarray(0, length)))
        expect(all(machine)).toEqual([])
        expect(status.decode(output(machine).subarray(4))).toMatchObject({ id, code: 5 })
      }
      const machine = started()
      machine.receive(packet(concat(payload, bytes('x'))))
      expect(all(machine)).toEqual([])
      expect(status.decode(output(machine).subarray(4))).toMatchObject({ id, code: 5 })
    },
  )

  test('a packet without room for an id ends it', () => {
    for (let length = 1; length < 5; length++) {
      const machine = started()
      machine.receive(packet(samples.stat.subarray(0, length)))
      expect(() => machine.poll()).toThrow(ProtocolError)
    }
  })

  test.each([0, 263_169, 0xffffffff])('a length of %i is refused before any of it is kept', (length) => {
    const machine = started()
    machine.receive(new Writer().uint32(length).finish())
    expect(() => machine.poll()).toThrow(/SFTP packet of/)
    machine.receive(new Uint8Array(1000))
    expect(machine.buffered).toBe(0)
  })

  test('an id that is used again before its answer ends it; afterwards it is fine', () => {
    const machine = started()
    machine.receive(packet(samples.stat))
    all(machine)
    machine.reply(id, failure)
    machine.receive(packet(samples.stat))
    expect(all(machine)).toHaveLength(1)
    machine.receive(packet(samples.lstat))
    expect(() => machine.poll()).toThrow(/came again/)
  })

  test('answers leave in the order in which they are given', () => {
    const machine = started()
    for (const n of [1, 2, 3]) machine.receive(packet(requests.stat.encode({ id: n, path })))
    all(machine)
    for (const n of [3, 1, 2]) machine.reply(n, failure)
    const answered = output(machine)
    const one = answered.length / 3
    expect([0, 1, 2].map((at) => status.decode(answered.slice(at * one + 4, (at + 1) * one)).id)).toEqual([
      3, 1, 2,
    ])
  })

  test('takes no more requests than may wait, and goes on after an answer', () => {
    const machine = started({ maxOutstanding: 3 })
    for (let n = 0; n < 10; n++) machine.receive(packet(requests.stat.encode({ id: n, path })))
    expect(all(machine)).toHaveLength(3)
    expect(machine.paused).toBe(true)
    machine.reply(1, failure)
    expect(machine.paused).toBe(false)
    expect(all(machine)).toMatchObject([{ id: 3 }])
  })

  test('byte by byte it is the same', () => {
    const stream = concat(
      hello,
      ...Object.values(samples).map((payload, n) =>
        packet(concat(payload.subarray(0, 1), new Writer().uint32(n).finish(), payload.subarray(5))),
      ),
    )
    const whole = new SftpServerMachine()
    whole.receive(stream)
    const pieces = new SftpServerMachine()
    const events: SftpServerEvent[] = []
    for (const byte of stream) {
      pieces.receive(Uint8Array.of(byte))
      events.push(...all(pieces))
    }
    expect(events).toEqual(all(whole))
    expect(events).toHaveLength(Object.keys(samples).length + 1)
  })

  test('data of a write is a view of what came, or lies in the memory that was offered', () => {
    const content = new Uint8Array(20_000).fill(5)
    const chunk = packet(requests.write.encode({ id, handle, offset: 1n << 40n, data: content }))
    const memory = new Uint8Array(32_768)
    const whole = started({ gather: () => memory })
    whole.receive(chunk)
    const [event] = all(whole)
    expect(event).toMatchObject({ request: { type: 'write', offset: 1n << 40n, data: content } })
    const written = event as { request: { data: Uint8Array } }
    expect(written.request.data.buffer).toBe(chunk.buffer)

    const pieces = started({ gather: () => memory })
    pieces.receive(chunk.slice(0, 9000))
    expect(all(pieces)).toEqual([])
    pieces.receive(chunk.slice(9000))
    const [gathered] = all(pieces) as { request: { data: Uint8Array } }[]
    expect(gathered?.request.data).toEqual(content)
    expect(gathered?.request.data.buffer).toBe(memory.buffer)
  })

  test('data of a reply is not copied', () => {
    const machine = started()
    machine.receive(packet(samples.read))
    all(machine)
    const content = bytes('content')
    machine.reply(id, { type: 'data', data: content })
    const head = machine.takeOutput() as Uint8Array
    expect(machine.takeOutput()).toBe(content)
    expect(concat(head, content)).toEqual(packet(data.encode({ id, data: content })))
  })

  test('observers see every message', () => {
    const seen: TraceEvent[] = []
    const machine = new SftpServerMachine({ trace: (event) => void seen.push(event) })
    machine.receive(concat(hello, packet(samples.stat)))
    all(machine)
    machine.reply(id, failure)
    expect(
      seen.map((event) =>
        event.type === 'message' ? `${event.layer} ${event.direction} ${event.name}` : '',
      ),
    ).toEqual(['sftp in init', 'sftp out version', 'sftp in stat', 'sftp out status'])
  })

  test('garbage gives protocol errors and statuses, nothing else', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 20 }),
        fc.boolean(),
        (chunks, framed) => {
          const machine = started()
          for (const chunk of chunks) {
            machine.receive(framed ? packet(chunk) : chunk)
            try {
              for (const event of all(machine)) if (event.type === 'request') machine.reply(event.id, failure)
            } catch (error) {
              if (!(error instanceof ProtocolError)) throw error
              expect(() => machine.poll()).toThrow(error)
              return
            }
          }
        },
      ),
      { numRuns: 2000 },
    )
  })
})
