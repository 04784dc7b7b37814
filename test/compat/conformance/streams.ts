/** Two streams joined in memory, one of which can be told to take nothing for a while. */

import { Duplex } from 'node:stream'

export interface HeldDuplex extends Duplex {
  /** From here on writes wait. */
  hold(): void
  release(): void
}

/** What is written to one is read from the other. */
export function duplexPair(): [near: HeldDuplex, far: HeldDuplex] {
  const ends: HeldDuplex[] = []
  const make = (other: () => HeldDuplex): HeldDuplex => {
    let held = false
    let waiting: (() => void)[] = []
    const stream = new Duplex({
      read: () => undefined,
      write(bytes, _encoding, done) {
        const pass = (): void => {
          other().push(bytes)
          done()
        }
        if (held) waiting.push(pass)
        else setImmediate(pass)
      },
      final(done) {
        other().push(null)
        done()
      },
      // As on a socket: who is gone has nothing more to say.
      destroy(error, done) {
        if (!other().destroyed && !other().readableEnded) other().push(null)
        done(error)
      },
    })
    return Object.assign(stream, {
      hold: () => {
        held = true
      },
      release: () => {
        held = false
        const passes = waiting
        waiting = []
        for (const pass of passes) pass()
      },
    })
  }
  ends.push(
    make(() => ends[1] as HeldDuplex),
    make(() => ends[0] as HeldDuplex),
  )
  return [ends[0] as HeldDuplex, ends[1] as HeldDuplex]
}
