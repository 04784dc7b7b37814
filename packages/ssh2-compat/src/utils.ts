/** ssh2's `utils`. */

import { flagsToString, OPEN_MODE, STATUS_CODE, stringToFlags } from './constants.ts'
import { generateKeyPair, generateKeyPairSync, type KeyPairType } from './generate.ts'
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

/** The types that @types/ssh2 has beside the functions; nothing of it is there at run time. */
export declare namespace utils {
  type KeyType = KeyPairType
  // By way of the function: the built declarations are one file, in which an alias of the same name would be its own.
  type KeyPairOptions = NonNullable<Parameters<typeof generateKeyPairSync>[1]>
  type KeyPairReturn = ReturnType<typeof generateKeyPairSync>
}
