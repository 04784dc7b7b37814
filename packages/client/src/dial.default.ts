/** `#dial` where there is no TCP. */

import { UsageError } from '@hawser/wire'
import type { Dial } from './options.ts'

export const dial: Dial = () =>
  Promise.reject(
    new UsageError('this runtime has no TCP that Hawser knows: give connect the option pipe, or dial'),
  )
