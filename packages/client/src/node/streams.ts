/** A program's streams as Node streams. */

import type { Duplex, Readable } from 'node:stream'
import { type NodeDuplexOptions, toNodeDuplex, toNodeReadable } from '@hawser/session/node'
import type { Process } from '../process.ts'

/** Node's view of a process. Take it before anybody uses the web streams: each stream has one reader. */
export interface NodeProcess {
  /** Standard input and output: writing goes to the program, ending sends EOF, reading gives its output. */
  readonly stdio: Duplex
  readonly stderr: Readable
}

/** Node streams over the channel of `process`, in place of its web streams. */
export function nodeStreams(process: Process, options: NodeDuplexOptions = {}): NodeProcess {
  return {
    stdio: toNodeDuplex(process.channel, options),
    stderr: toNodeReadable(process.channel, 1, options),
  }
}
