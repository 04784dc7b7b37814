/** What every `#dial` gives. */

import type { Dial } from './options.ts'

export declare const dial: Dial
