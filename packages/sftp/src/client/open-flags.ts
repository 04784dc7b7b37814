/** How a file is opened: Node's letters as the protocol's bits. */

import { UsageError } from '@hawser/wire'
import { OpenFlag } from '../protocol/constants.ts'

const { read, write, append, create, truncate, exclusive } = OpenFlag

const letters: Readonly<Record<string, number>> = {
  r: read,
  'r+': read | write,
  w: write | create | truncate,
  'w+': read | write | create | truncate,
  wx: write | create | truncate | exclusive,
  'wx+': read | write | create | truncate | exclusive,
  a: write | create | append,
  'a+': read | write | create | append,
  ax: write | create | append | exclusive,
  'ax+': read | write | create | append | exclusive,
}

/** As `fs.open` takes them (`r`, `r+`, `w`, `w+`, `wx`, `wx+`, `a`, `a+`, `ax`, `ax+`; `s` says nothing here), or bits of {@link OpenFlag}. */
export type OpenFlags = string | number

/** The bits of `flags`. Throws UsageError for flags that there are not. */
export function openFlags(flags: OpenFlags): number {
  if (typeof flags === 'number') {
    if (!Number.isInteger(flags) || flags < 1 || flags > 0x3f)
      throw new UsageError(`open: the flags are ${flags}; combine those of OpenFlag, 1 to 63`)
    return flags
  }
  // 'xw', 'sr' and the like are the same letters in another order.
  const sorted = flags
    .replace('s', '')
    .split('')
    .sort((a, b) => order.indexOf(a) - order.indexOf(b))
    .join('')
  const bits = Object.hasOwn(letters, sorted) ? letters[sorted] : undefined
  if (bits === undefined)
    throw new UsageError(
      `open: the flags are ${JSON.stringify(flags)}; there are ${Object.keys(letters).join(', ')}`,
    )
  return bits
}

const order = 'rwax+'
