/** ssh2's `utils`. */

import { flagsToString, OPEN_MODE, STATUS_CODE, stringToFlags } from './constants.ts'
import { parseKey } from './keys.ts'

export const utils = {
  parseKey,
  sftp: { OPEN_MODE, STATUS_CODE, flagsToString, stringToFlags },
}
