/** Extended requests: which of them handlers can answer, and how each is decoded, done and encoded. */

import { ProtocolError, Reader, Writer } from '@hawser/wire'
import { SftpStatus } from '../protocol/constants.ts'
import {
  type ExtensionName,
  extensionByWireName,
  extensions,
  limitsReply,
  statvfsReply,
  usersGroupsReply,
} from '../protocol/extensions.ts'
import type { ExtensionPair, SftpReply } from '../protocol/messages.ts'
import type { Awaitable, PathResult, RequestPath, SftpHandlers } from './handlers.ts'
import { pathBytes } from './paths.ts'
import { okReply, statusReply } from './status.ts'

/** One extended request, ready to be done. */
export interface ExtendedCall<F> {
  readonly op: string
  readonly paths: readonly Uint8Array[]
  readonly handles: readonly Uint8Array[]
  readonly changes: boolean
  /** `paths` and `files` are those of the call, in order. */
  run(paths: readonly RequestPath[], files: readonly F[]): Awaitable<SftpReply | undefined>
}

export interface AnnouncedLimits {
  readonly maxHandles: number
  readonly maxReadLength: number
  readonly maxPacketLength: number
}

/** Ids in one request for names; OpenSSH's client asks for those of one listing's reply. */
const mostIds = 4096

/** What VERSION announces for `handlers`: what they can answer, and `limits`, which is answered here. */
export function announced<F, D>(handlers: SftpHandlers<F, D>): ExtensionPair[] {
  return (Object.keys(extensions) as ExtensionName[])
    .filter((name) => name === 'limits' || handlers[name] !== undefined)
    .map((name) => ({ name: extensions[name].name, data: pathBytes(extensions[name].version) }))
}

/** Undefined when no handler is there for it. */
export function extendedCall<F, D>(
  h: SftpHandlers<F, D>,
  limits: AnnouncedLimits,
  wireName: string,
  data: Uint8Array,
): ExtendedCall<F> | undefined {
  const name = extensionByWireName.get(wireName)
  if (name === undefined || (name !== 'limits' && h[name] === undefined)) {
    const { extended } = h
    return extended && call(wireName, true, [], [], () => h.extended?.(wireName, data))
  }
  try {
    return known(h, limits, name, data)
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    const { message } = error
    return call(name, false, [], [], () => statusReply(SftpStatus.badMessage, message))
  }
}

function known<F, D>(
  h: SftpHandlers<F, D>,
  limits: AnnouncedLimits,
  name: ExtensionName,
  data: Uint8Array,
): ExtendedCall<F> {
  const decode = <N extends ExtensionName>(which: N) =>
    extensions[which].request.decode(data) as ReturnType<(typeof extensions)[N]['request']['decode']>
  switch (name) {
    case 'posixRename': {
      const { oldpath, newpath } = decode(name)
      return call(name, true, [oldpath, newpath], [], ([from, to]) =>
        then(h.posixRename?.(from as RequestPath, to as RequestPath), () => okReply),
      )
    }
    case 'hardlink': {
      const { oldpath, newpath } = decode(name)
      return call(name, true, [oldpath, newpath], [], ([from, to]) =>
        then(h.hardlink?.(from as RequestPath, to as RequestPath), () => okReply),
      )
    }
    case 'lsetstat': {
      const { path, attrs } = decode(name)
      return call(name, true, [path], [], ([p]) => then(h.lsetstat?.(p as RequestPath, attrs), () => okReply))
    }
    case 'statvfs':
      return call(name, false, [decode(name).path], [], ([path]) =>
        then(h.statvfs?.(path as RequestPath), (value) => value && extendedReply(statvfsReply.encode(value))),
      )
    case 'fstatvfs':
      return call(name, false, [], [decode(name).handle], (_, [file]) =>
        then(h.fstatvfs?.(file as F), (value) => value && extendedReply(statvfsReply.encode(value))),
      )
    case 'fsync':
      return call(name, false, [], [decode(name).handle], (_, [file]) =>
        then(h.fsync?.(file as F), () => okReply),
      )
    case 'expandPath':
      return call(name, false, [decode(name).path], [], ([path]) =>
        then(h.expandPath?.(path as RequestPath), nameReply),
      )
    case 'copyData': {
      const { readFromHandle, readFromOffset, readDataLength, writeToHandle, writeToOffset } = decode(name)
      return call(name, true, [], [readFromHandle, writeToHandle], (_, [from, to]) =>
        then(
          h.copyData?.({
            from: from as F,
            fromOffset: readFromOffset,
            length: readDataLength,
            to: to as F,
            toOffset: writeToOffset,
          }),
          () => okReply,
        ),
      )
    }
    case 'homeDirectory': {
      const { username } = decode(name)
      return call(name, false, [], [], () => then(h.homeDirectory?.(username), nameReply))
    }
    case 'usersGroupsById': {
      const { uids, gids } = decode(name)
      const [users, groups] = [idsOf(uids), idsOf(gids)]
      return call(name, false, [], [], () =>
        then(
          h.usersGroupsById?.(users, groups),
          (found) =>
            found &&
            extendedReply(
              usersGroupsReply.encode({
                usernames: packed(found.users, users.length),
                groupnames: packed(found.groups, groups.length),
              }),
            ),
        ),
      )
    }
    case 'limits':
      decode(name)
      return call(name, false, [], [], () =>
        extendedReply(
          limitsReply.encode({
            maxPacketLength: BigInt(limits.maxPacketLength),
            maxReadLength: BigInt(limits.maxReadLength),
            maxWriteLength: BigInt(limits.maxReadLength),
            maxOpenHandles: BigInt(limits.maxHandles),
          }),
        ),
      )
  }
}

function call<F>(
  op: string,
  changes: boolean,
  paths: readonly Uint8Array[],
  handles: readonly Uint8Array[],
  run: ExtendedCall<F>['run'],
): ExtendedCall<F> {
  return { op, changes, paths, handles, run }
}

function then<T, R>(value: Awaitable<T>, next: (value: T) => R): Awaitable<R> {
  return typeof (value as { readonly then?: unknown } | undefined)?.then === 'function'
    ? (value as PromiseLike<T>).then(next)
    : next(value as T)
}

function extendedReply(data: Uint8Array): SftpReply {
  return { type: 'extendedReply', data }
}

function nameReply(path: PathResult | undefined): SftpReply | undefined {
  if (path === undefined) return undefined
  const filename = pathBytes(path)
  return { type: 'name', names: [{ filename, longname: filename, attrs: {} }] }
}

function idsOf(bytes: Uint8Array): number[] {
  if (bytes.length % 4 !== 0 || bytes.length > mostIds * 4)
    throw new ProtocolError(
      `${bytes.length} bytes of ids; they have 4 bytes each, and ${mostIds} are the most`,
    )
  const reader = new Reader(bytes)
  const ids: number[] = []
  while (reader.left > 0) ids.push(reader.uint32())
  return ids
}

function packed(names: readonly string[], count: number): Uint8Array {
  const writer = new Writer()
  for (let at = 0; at < count; at++) writer.string(names[at] ?? '')
  return writer.finish()
}
