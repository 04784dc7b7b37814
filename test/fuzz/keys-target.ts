/** Target: the parsers of keys; one try is a block of mutated inputs. */

import { fuzzKeys } from './keys.ts'
import { demand, type Target } from './target.ts'

const inputsPerTry = 100

export const keysTarget: Target = {
  name: 'keys',
  packages: ['keys'],
  run: (seed) => {
    const { findings } = fuzzKeys({ seed, count: inputsPerTry })
    const [first] = findings
    demand(first === undefined, `${first?.parser}: ${first?.problem}\n${first?.base64}`)
  },
}
