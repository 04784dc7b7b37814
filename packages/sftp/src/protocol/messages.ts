/** Every message of SFTP version 3, declared once (draft-ietf-secsh-filexfer-02 §3 to §8). Paths and handles are bytes here. */

import { type Field, fields, type Infer, type Message, message } from '@hawser/wire'
import { attributes } from './attributes.ts'

const { ascii, counted, optional, repeat, rest, string, uint32, uint64, utf8 } = fields

/** A pair of `extension-name`, `extension-data`. */
export interface ExtensionPair {
  readonly name: string
  readonly data: Uint8Array
}

const extensionPair: Field<ExtensionPair> = {
  read: (r) => ({ name: r.utf8(), data: r.string() }),
  write: (w, pair) => void w.string(pair.name).string(pair.data),
}

/** §4. The client's and the server's first message. */
export const init = message('init', 1, { version: uint32, extensions: repeat(extensionPair) })
export const version = message('version', 2, { version: uint32, extensions: repeat(extensionPair) })

/** §6.3 to §6.11. `id` is the request's; its reply carries the same. */
export const open = message('open', 3, { id: uint32, filename: string, pflags: uint32, attrs: attributes })
export const close = message('close', 4, { id: uint32, handle: string })
export const read = message('read', 5, { id: uint32, handle: string, offset: uint64, len: uint32 })
export const write = message('write', 6, { id: uint32, handle: string, offset: uint64, data: string })
export const lstat = message('lstat', 7, { id: uint32, path: string })
export const fstat = message('fstat', 8, { id: uint32, handle: string })
export const setstat = message('setstat', 9, { id: uint32, path: string, attrs: attributes })
export const fsetstat = message('fsetstat', 10, { id: uint32, handle: string, attrs: attributes })
export const opendir = message('opendir', 11, { id: uint32, path: string })
export const readdir = message('readdir', 12, { id: uint32, handle: string })
export const remove = message('remove', 13, { id: uint32, filename: string })
export const mkdir = message('mkdir', 14, { id: uint32, path: string, attrs: attributes })
export const rmdir = message('rmdir', 15, { id: uint32, path: string })
export const realpath = message('realpath', 16, { id: uint32, path: string })
export const stat = message('stat', 17, { id: uint32, path: string })
export const rename = message('rename', 18, { id: uint32, oldpath: string, newpath: string })
export const readlink = message('readlink', 19, { id: uint32, path: string })
/**
 * §6.10 has `linkpath` first; OpenSSH has always sent and expected the target first, and everybody else followed
 * (OpenSSH PROTOCOL §4.1). The fields here are in OpenSSH's order.
 */
export const symlink = message('symlink', 20, { id: uint32, targetpath: string, linkpath: string })

/** §8. `data` is what the extension defines: see extensions.ts. */
export const extended = message('extended', 200, { id: uint32, request: ascii, data: rest })
export const extendedReply = message('extendedReply', 201, { id: uint32, data: rest })

/** One entry of a NAME reply (§7). `longname` is a line as of `ls -l`, for people. */
export interface NameEntry {
  readonly filename: Uint8Array
  readonly longname: Uint8Array
  readonly attrs: Infer<typeof attrs>['attrs']
}

const nameEntry: Field<NameEntry> = {
  read: (r) => ({ filename: r.string(), longname: r.string(), attrs: attributes.read(r) }),
  write: (w, entry) => {
    w.string(entry.filename).string(entry.longname)
    attributes.write(w, entry.attrs)
  },
}

/** §7. Some servers leave the message and language of a status out. */
export const status = message('status', 101, {
  id: uint32,
  code: uint32,
  message: optional(utf8, ''),
  language: optional(utf8, ''),
})
export const handle = message('handle', 102, { id: uint32, handle: string })
export const data = message('data', 103, { id: uint32, data: string })
export const name = message('name', 104, { id: uint32, names: counted(nameEntry) })
export const attrs = message('attrs', 105, { id: uint32, attrs: attributes })

/** The requests of a client, by the name that programs use for them. */
export const requests = {
  open,
  close,
  read,
  write,
  lstat,
  fstat,
  setstat,
  fsetstat,
  opendir,
  readdir,
  remove,
  mkdir,
  rmdir,
  realpath,
  stat,
  rename,
  readlink,
  symlink,
  extended,
} as const

/** The replies of a server. */
export const replies = { status, handle, data, name, attrs, extendedReply } as const

type WithoutId<T> = { readonly [K in keyof T as K extends 'id' ? never : K]: T[K] }
export type RequestName = keyof typeof requests
/** The fields of a request less its id. */
export type RequestFields<N extends RequestName> = WithoutId<Infer<(typeof requests)[N]>>
/** A request as data: its name as `type`, and its fields. */
export type SftpRequest = { [N in RequestName]: { readonly type: N } & RequestFields<N> }[RequestName]
export type ReplyName = keyof typeof replies
export type ReplyFields<N extends ReplyName> = WithoutId<Infer<(typeof replies)[N]>>
/** A reply as data. */
export type SftpReply = { [N in ReplyName]: { readonly type: N } & ReplyFields<N> }[ReplyName]

/** Which replies each request may get (§6, §7). A status is always possible; OK is only one where no other reply is. */
export const replyTo = {
  open: 'handle',
  close: 'status',
  read: 'data',
  write: 'status',
  lstat: 'attrs',
  fstat: 'attrs',
  setstat: 'status',
  fsetstat: 'status',
  opendir: 'handle',
  readdir: 'name',
  remove: 'status',
  mkdir: 'status',
  rmdir: 'status',
  realpath: 'name',
  stat: 'attrs',
  rename: 'status',
  readlink: 'name',
  symlink: 'status',
  /** Depends on the extension. */
  extended: undefined,
} as const satisfies Record<RequestName, ReplyName | undefined>

/** A message's declaration by its number. */
export const requestByNumber: ReadonlyMap<
  number,
  { readonly name: RequestName; readonly message: Message<{ readonly id: number }> }
> = byNumber(requests)
export const replyByNumber: ReadonlyMap<
  number,
  { readonly name: ReplyName; readonly message: Message<{ readonly id: number }> }
> = byNumber(replies)

function byNumber<N extends string>(
  table: Readonly<Record<N, unknown>>,
): ReadonlyMap<number, { readonly name: N; readonly message: Message<{ readonly id: number }> }> {
  return new Map(
    (Object.entries(table) as [N, Message<{ readonly id: number }>][]).map(([name, message]) => [
      message.number,
      { name, message },
    ]),
  )
}
