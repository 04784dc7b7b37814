/** Local paths for names that a server gave: they never lead out of their directory. */

import { basename, dirname, join } from 'node:path'
import { concat, ProtocolError, utf8Decode, utf8DecodeStrict, utf8Encode } from '@hawser/wire'
import { checkName } from '../client/path.ts'

/** Names that stand for devices in Windows, with any ending, in any case. */
const devices = /^(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])\s*(\.|$)/i

/** A local path: bytes where it is no UTF-8, which Windows does not have. */
export type LocalPath = string | Buffer

/**
 * `directory` and a name of the server in it. Throws ProtocolError (`SSH_SFTP_BAD_NAME`) for a name that would lead elsewhere: `..`, one
 * with a slash or a NUL; in Windows also one with a backslash or a colon, one that stands for a device, that Windows would change, or
 * that is no UTF-8.
 */
export function localPath(
  directory: LocalPath,
  name: Uint8Array,
  platform: string = process.platform,
): LocalPath {
  checkName(name)
  if (platform !== 'win32') return joinLocal(directory, name)
  const text = utf8DecodeStrict(name)
  if (text === undefined) throw badName(name, 'is no UTF-8')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what Windows refuses
  if (/[<>:"/\\|?*\u0000-\u001f]/.test(text) || /[. ]$/.test(text) || devices.test(text))
    throw badName(name, 'cannot be the name of a file in Windows')
  return join(directory.toString(), text)
}

/** `name` in `directory`, as text where that loses nothing. */
export function joinLocal(directory: LocalPath, name: Uint8Array): LocalPath {
  const text = utf8DecodeStrict(name)
  if (typeof directory === 'string' && text !== undefined) return join(directory, text)
  return Buffer.concat([Buffer.from(directory as string), Buffer.from('/'), name])
}

/** An error of a descriptor, such as that of a full disk, says what failed and not where: the same one, in Node's words, with the path. */
export function atLocalPath(error: Error, path: LocalPath): Error {
  const { code, errno, path: known, syscall } = error as NodeJS.ErrnoException
  if (syscall === undefined || known !== undefined) return error
  const text = path.toString()
  return Object.assign(new Error(`${error.message} '${text}'`, { cause: error }), {
    code,
    errno,
    syscall,
    path: text,
  })
}

/** Where a file is written until it is complete: in the same directory, so that it can be renamed. */
export function partPath(path: LocalPath): LocalPath {
  if (typeof path === 'string') return join(dirname(path), partName(basename(path)))
  const at = path.lastIndexOf('/') + 1
  return Buffer.concat([path.subarray(0, at), Buffer.from('.'), path.subarray(at), Buffer.from(partEnding)])
}

/** As {@link partPath}, for a name or path of the server. */
export function remotePartPath(path: Uint8Array): Uint8Array {
  const at = path.lastIndexOf(0x2f) + 1
  return concat(path.subarray(0, at), Uint8Array.of(0x2e), path.subarray(at), utf8Encode(partEnding))
}

const partEnding = '.hawser-part'

function partName(name: string): string {
  return `.${name}${partEnding}`
}

function badName(name: Uint8Array, why: string): ProtocolError {
  return new ProtocolError(
    `the server lists a file by the name ${JSON.stringify(utf8Decode(name))}, which ${why}`,
    {
      code: 'SSH_SFTP_BAD_NAME',
    },
  )
}
