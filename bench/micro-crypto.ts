/**
 * Speed of the packet ciphers: MB/s and µs per packet, seal and open, per cipher and packet size.
 * `node --conditions=@hawser/source --import tsx bench/micro-crypto.ts [part of a name…]`
 * Medians of short samples, taken in turn, so that a busy moment does not hit one cipher alone.
 */

import { backend as nobleBackend } from '../packages/crypto/src/backend.noble.ts'
import { backend as nodeBackend } from '../packages/crypto/src/backend.node.ts'
import { chacha20Poly1305With } from '../packages/crypto/src/cipher/chacha20-poly1305.ts'
import { ciphers } from '../packages/crypto/src/cipher/index.ts'
import type { Backend, CipherAlgorithm, MacAlgorithm } from '../packages/crypto/src/index.ts'
import { macs } from '../packages/crypto/src/mac.ts'
import { chooseKernel } from '../packages/crypto/src/wasm/load.ts'
import { nobleKernel } from '../packages/crypto/src/wasm/noble-kernel.ts'

const sizes = [32, 1024, 8192, 32_768, 262_144]
const samples = 15
const sampleMs = 8

interface Row {
  readonly name: string
  readonly backend: Backend
  readonly cipher: CipherAlgorithm
  readonly mac?: MacAlgorithm
}

const { chacha20: _, ...nodeWithoutChacha20 } = nodeBackend
const wasm = chooseKernel()
const rows: Row[] = []
for (const backend of [nodeBackend, nobleBackend])
  for (const cipher of ciphers) {
    if (cipher.aead) rows.push({ name: `${cipher.name} (${backend.name})`, backend, cipher })
    else if (cipher.name !== 'aes192-ctr')
      for (const mac of macs)
        if (mac.insecure !== true)
          rows.push({ name: `${cipher.name} ${mac.name} (${backend.name})`, backend, cipher, mac })
  }
rows.push({
  name: 'chacha20-poly1305 (wasm for all of it)',
  backend: nodeWithoutChacha20,
  cipher: chacha20Poly1305With(() => wasm),
})
const { whole: _whole, ...hybrid } = wasm
rows.push({
  name: 'chacha20-poly1305 (node chacha20, wasm for the rest)',
  backend: nodeBackend,
  cipher: chacha20Poly1305With(() => hybrid),
})
rows.push({
  name: 'chacha20-poly1305 (noble for all of it)',
  backend: nobleBackend,
  cipher: chacha20Poly1305With(() => nobleKernel),
})

const wanted = process.argv.slice(2)
const chosen = rows.filter(({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)))

console.log(`node ${process.version}; per size: seal MB/s (µs) | open MB/s (µs)`)
for (const size of sizes) {
  console.log(`\n${size} bytes`)
  const tasks = chosen.flatMap((row) => [sealTask(row, size), openTask(row, size)])
  const times = tasks.map(() => [] as number[])
  const counts = tasks.map((task) => calibrate(task))
  for (let sample = 0; sample < samples; sample++)
    for (const [at, task] of tasks.entries()) times[at]?.push(timePer(task, counts[at] as number))
  for (const [at, { name }] of chosen.entries()) {
    const seal = show(size, median(times[at * 2] as number[]))
    const open = show(size, median(times[at * 2 + 1] as number[]))
    console.log(`  ${name.padEnd(56)} ${seal} | ${open}`)
  }
}

/** Does `count` packets. */
type Task = (count: number) => void

function keysOf({ cipher, mac }: Row) {
  const bytes = (length: number, from: number): Uint8Array =>
    new Uint8Array(length).map((_, at) => at * 7 + from)
  return {
    key: bytes(cipher.keySize, 1),
    iv: bytes(cipher.ivSize, 2),
    macKey: bytes(mac?.keySize ?? 0, 3),
  }
}

/** A packet of `size` bytes beside its length field, rounded to the cipher's alignment. */
function packetFor(size: number, sealer: { readonly clearLength: boolean }): Uint8Array {
  const packet = new Uint8Array(sealer.clearLength ? size + 4 : size)
  new DataView(packet.buffer).setUint32(0, packet.length - 4)
  return packet
}

function sealTask(row: Row, size: number): Task {
  const sealer = row.cipher.sealer(row.backend, keysOf(row), row.mac)
  const packet = packetFor(size, sealer)
  let seq = 0
  return (count) => {
    const out: Uint8Array[] = []
    for (let at = 0; at < count; at++) {
      sealer.seal(seq++, packet, out)
      if (out.length > 64) out.length = 0
    }
  }
}

/** Sealed in advance, opened once each: openers keep their state. */
function openTask(row: Row, size: number): Task {
  const sealer = row.cipher.sealer(row.backend, keysOf(row), row.mac)
  const packet = packetFor(size, sealer)
  const batch = Math.max(4, Math.min(2000, Math.floor(4_000_000 / size)))
  const sealed: Uint8Array[] = []
  for (let seq = 0; seq < batch; seq++) {
    const out: Uint8Array[] = []
    sealer.seal(seq, packet, out)
    sealed.push(Uint8Array.from(Buffer.concat(out)))
  }
  let opener = row.cipher.opener(row.backend, keysOf(row), row.mac)
  let seq = 0
  return (count) => {
    for (let at = 0; at < count; at++) {
      if (seq === batch) {
        opener = row.cipher.opener(row.backend, keysOf(row), row.mac)
        seq = 0
      }
      const whole = sealed[seq] as Uint8Array
      opener.packetLength(seq, whole.subarray(0, opener.headSize))
      opener.open(seq, whole)
      seq++
    }
  }
}

function timePer(task: Task, count: number): number {
  const start = performance.now()
  task(count)
  return (performance.now() - start) / count
}

/** How many packets fill a sample; warms up on the way. */
function calibrate(task: Task): number {
  timePer(task, 200)
  const per = timePer(task, 50)
  return Math.max(1, Math.round(sampleMs / per))
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1] as number
}

function show(size: number, ms: number): string {
  const mbs = size / 1e6 / (ms / 1e3)
  return `${mbs.toFixed(mbs < 10 ? 1 : 0).padStart(6)} (${(ms * 1e3).toFixed(2).padStart(8)})`
}
