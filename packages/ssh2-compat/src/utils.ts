/** ssh2's `utils`. */

import { flagsToString, OPEN_MODE, STATUS_CODE, stringToFlags } from './constants.ts'
import { generateKeyPair, generateKeyPairSync } from './generate.ts'
import { parseKey } from './keys.ts'
import { DSASigBERToBare, ECDSASigASN1ToSSH, iv_inc, readInt, readString, sigSSHToASN1 } from './low-level.ts'

export const utils = {
  parseKey,
  generateKeyPair,
  generateKeyPairSync,
  sftp: { OPEN_MODE, STATUS_CODE, flagsToString, stringToFlags },
  iv_inc,
  readInt,
  readString,
  sigSSHToASN1,
  DSASigBERToBare,
  ECDSASigASN1ToSSH,
}
