/** Transcripts on disk: what both sides sent in one session with the real OpenSSH, and what our side made of it. */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Part } from './actor.ts'

export interface Transcript {
  readonly about: string
  /** The other side, by its identification. */
  readonly peer: string
  readonly part: Omit<Part, 'keys'>
  /** Base64. */
  readonly received: string
  readonly sent: string
  readonly events: readonly string[]
}

const folder = fileURLToPath(new URL('data/', import.meta.url))

/** The keys of all transcripts: they are public, and open nothing. */
export function readKeys(): Part['keys'] {
  return {
    user: readFileSync(`${folder}user-key`, 'utf8'),
    host: readFileSync(`${folder}host-key`, 'utf8'),
  }
}

export function readTranscripts(): readonly { readonly name: string; readonly transcript: Transcript }[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .map((file) => ({
      name: file.replace(/\.json$/, ''),
      transcript: JSON.parse(readFileSync(folder + file, 'utf8')) as Transcript,
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

export function writeTranscript(name: string, transcript: Transcript): void {
  writeFileSync(`${folder}${name}.json`, `${JSON.stringify(transcript, undefined, 1)}\n`)
}
