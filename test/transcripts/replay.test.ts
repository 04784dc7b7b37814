/** Replays recorded sessions with OpenSSH: the same bytes in give the same events and, to the bit, the same bytes out. */

import { defaultProvider } from '@hawser/crypto'
import { backend as noble } from '@hawser/crypto/noble'
import { byteAtATime, type Chunking, Rng, randomChunks, whole } from '@hawser/test-kit'
import { describe, expect, test } from 'vitest'
import { Actor } from './actor.ts'
import { readKeys, readTranscripts, type Transcript } from './transcript.ts'

const keys = readKeys()
const transcripts = readTranscripts()
const ways: readonly [string, Chunking][] = [
  ['at once', whole],
  ['byte by byte', byteAtATime],
  ['in small random pieces', randomChunks(new Rng('small'), 40)],
  ['in large random pieces', randomChunks(new Rng('large'), 2000)],
]

test('there are transcripts of both roles, with and without new keys of either side', () => {
  expect(transcripts.map(({ name }) => name)).toEqual([
    'client-exec',
    'client-exec-chacha',
    'client-exec-etm',
    'client-peer-rekeys',
    'client-rekeys',
    'server-exec',
    'server-peer-rekeys',
    'server-rekeys',
  ])
  for (const { name, transcript } of transcripts) {
    const rekeys = transcript.events.filter((line) => /^keys .*"first":false/.test(line)).length
    expect(rekeys > 0, name).toBe(name.includes('rekeys'))
  }
})

for (const { name, transcript } of transcripts)
  describe(`${name}: ${transcript.about} (${transcript.peer})`, () => {
    test.each(ways)('%s', (_, chunking) => {
      expect(replay(transcript, chunking, defaultProvider.backend)).toEqual(recorded(transcript))
    })

    test('by the other backend', () => {
      expect(replay(transcript, whole, noble)).toEqual(recorded(transcript))
    })

    test('one bit changed in what is sealed never gives the recorded end', () => {
      const rng = new Rng(name)
      for (let turn = 0; turn < 30; turn++) {
        const spoilt = Buffer.from(transcript.received, 'base64')
        const at = rng.between(sealedFrom(spoilt), spoilt.length - 1)
        spoilt[at] = (spoilt[at] as number) ^ (1 << rng.below(8))
        const changed = { ...transcript, received: spoilt.toString('base64') }
        let outcome: unknown
        try {
          outcome = replay(changed, whole, defaultProvider.backend)
        } catch (error) {
          outcome = error
        }
        expect(outcome, `bit in byte ${at}`).not.toEqual(recorded(transcript))
      }
    })
  })

/** Where the packets after NEWKEYS begin. Before, padding is free to change (RFC 4253 §6). */
function sealedFrom(stream: Buffer): number {
  for (let at = stream.indexOf('\n') + 1; ; ) {
    const end = at + 4 + stream.readUInt32BE(at)
    if (stream[at + 5] === 21) return end
    at = end
  }
}

interface Replayed {
  readonly sent: string
  readonly events: readonly string[]
}

function recorded({ sent, events }: Transcript): Replayed {
  return { sent, events: announcedFirst(events) }
}

function replay({ part, received }: Transcript, chunking: Chunking, backend: typeof noble): Replayed {
  const sent: Uint8Array[] = []
  const actor = new Actor({ ...part, keys }, backend, (bytes) => sent.push(bytes))
  for (const piece of chunking(Buffer.from(received, 'base64'))) actor.receive(piece)
  return { sent: Buffer.concat(sent).toString('base64'), events: announcedFirst(actor.log) }
}

/** The first try does not wait for EXT_INFO: when that comes in a piece of its own, it is told of after the try has been asked for. */
function announcedFirst(events: readonly string[]): readonly string[] {
  const asked = events.findIndex((line) => line.startsWith('auth-client '))
  return asked >= 0 && events[asked + 1]?.startsWith('ext-info ')
    ? events.with(asked, events[asked + 1] as string).with(asked + 1, events[asked] as string)
    : events
}
