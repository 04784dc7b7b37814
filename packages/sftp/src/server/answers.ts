/** Turns requests into calls of handlers, in the right order, and what comes back into replies. */

import { UsageError } from '@hawser/wire'
import { OpenFlag, SftpStatus } from '../protocol/constants.ts'
import type { SftpReply, SftpRequest } from '../protocol/messages.ts'
import { type ExtendedCall, extendedCall } from './extended-calls.ts'
import type { Awaitable, RequestPath, SftpHandlers } from './handlers.ts'
import { longnameOf } from './longname.ts'
import { type OpenDirectory, type OpenFile, OpenHandles } from './open-handles.ts'
import { Order } from './order.ts'
import { normalPath, pathBytes, requestPath } from './paths.ts'
import { endReply, errorReply, okReply, statusReply, unsupportedReply } from './status.ts'

export interface AnswersOptions {
  readonly maxHandles: number
  readonly maxPathLength: number
  readonly maxReadLength: number
  readonly maxPacketLength: number
  readonly onError: ((error: Error, facts: { readonly op: string }) => void) | undefined
}

type Answer = (reply: SftpReply) => void
type Open<F, D> = OpenFile<F> | OpenDirectory<D>

/** Bytes of names in one reply; OpenSSH's client reads up to 256 KiB, some older ones 34,000 bytes (draft-ietf-secsh-filexfer-02 §3). */
const nameBytes = 32_000

/** The requests of one client: each is answered once, unless everything was dropped. */
export class Answers<F, D> {
  readonly #h: SftpHandlers<F, D>
  readonly #o: AnswersOptions
  readonly #handles = new OpenHandles<F, D>()
  readonly #order = new Order()
  /** Files and directories that are open, being opened or being closed. */
  #open = 0
  #over = false
  #onClosed: (() => void) | undefined

  constructor(handlers: SftpHandlers<F, D>, options: AnswersOptions) {
    this.#h = handlers
    this.#o = options
  }

  /** Sees to it that `answer` is called once, at once or later. */
  start(request: SftpRequest, answer: Answer): void {
    const h = this.#h
    switch (request.type) {
      case 'open': {
        const { filename, pflags, attrs } = request
        const open = h.open?.bind(h)
        return this.#openPath('open', filename, open && ((path) => open(path, pflags, attrs)), answer, {
          // sshfs asks for the attributes of a file that it makes without waiting for the handle.
          changes: (pflags & (OpenFlag.create | OpenFlag.truncate)) !== 0,
          add: (file) => this.#handles.addFile(file),
          close: (file) => h.close?.(file),
        })
      }
      case 'opendir':
        return this.#openPath('opendir', request.path, h.opendir?.bind(h), answer, {
          changes: false,
          add: (directory) => this.#handles.addDirectory(directory),
          close: (directory) => h.closedir?.(directory),
        })
      case 'close': {
        const open = this.#handles.take(request.handle)
        if (open === undefined) return answer(noSuchHandle)
        return this.#close(open, answer)
      }
      case 'read':
        return this.#read(request, answer)
      case 'write': {
        const { handle, offset, data } = request
        const write = h.write?.bind(h)
        return this.#onFile(
          'write',
          handle,
          true,
          write && ((file) => write(file, offset, data)),
          toOk,
          answer,
        )
      }
      case 'fstat':
        return this.#onFile('fstat', request.handle, false, h.fstat?.bind(h), toAttrs, answer)
      case 'fsetstat': {
        const { handle, attrs } = request
        const set = h.fsetstat?.bind(h)
        return this.#onFile('fsetstat', handle, true, set && ((file) => set(file, attrs)), toOk, answer)
      }
      case 'readdir':
        return this.#readdir(request.handle, answer)
      case 'lstat':
        return this.#onPath('lstat', request.path, false, (h.lstat ?? h.stat)?.bind(h), toAttrs, answer)
      case 'stat':
        return this.#onPath('stat', request.path, false, (h.stat ?? h.lstat)?.bind(h), toAttrs, answer)
      case 'setstat': {
        const { path, attrs } = request
        const set = h.setstat?.bind(h)
        return this.#onPath('setstat', path, true, set && ((p) => set(p, attrs)), toOk, answer)
      }
      case 'remove':
        return this.#onPath('remove', request.filename, true, h.remove?.bind(h), toOk, answer)
      case 'mkdir': {
        const { path, attrs } = request
        const mkdir = h.mkdir?.bind(h)
        return this.#onPath('mkdir', path, true, mkdir && ((p) => mkdir(p, attrs)), toOk, answer)
      }
      case 'rmdir':
        return this.#onPath('rmdir', request.path, true, h.rmdir?.bind(h), toOk, answer)
      case 'realpath': {
        const find = h.realpath?.bind(h) ?? (({ bytes }: RequestPath) => normalPath(bytes))
        return this.#onPath('realpath', request.path, false, find, toName, answer)
      }
      case 'readlink':
        return this.#onPath('readlink', request.path, false, h.readlink?.bind(h), toName, answer)
      case 'symlink': {
        const { targetpath, linkpath } = request
        return this.#onTwoPaths('symlink', targetpath, linkpath, h.symlink?.bind(h), answer)
      }
      case 'rename': {
        const { oldpath, newpath } = request
        return this.#onTwoPaths('rename', oldpath, newpath, h.rename?.bind(h), answer)
      }
      case 'extended':
        return this.#extended(extendedCall(h, this.#o, request.request, request.data), answer)
    }
  }

  /** Closes everything that is open; settles when that is done. `drop` also forgets what has not started. */
  end(drop: boolean): Promise<void> {
    this.#over = true
    const open = this.#handles.takeAll()
    if (drop) this.#order.drop(open.map(({ lane }) => lane))
    for (const one of open) this.#close(one, () => undefined)
    return new Promise((resolve) => {
      this.#onClosed = resolve
      this.#closed(0)
    })
  }

  #openPath<T>(
    op: string,
    path: Uint8Array,
    open: ((path: RequestPath) => Awaitable<T>) | undefined,
    answer: Answer,
    what: { readonly changes: boolean; add(value: T): Uint8Array; close(value: T): Awaitable<void> },
  ): void {
    const problem = open === undefined ? unsupportedReply : this.#pathProblem(path)
    if (problem !== undefined || open === undefined) return answer(problem ?? unsupportedReply)
    this.#order.onPaths(what.changes, (done) => {
      const end = (reply: SftpReply): void => {
        answer(reply)
        done()
      }
      if (this.#open >= this.#o.maxHandles)
        return end(statusReply(SftpStatus.failure, `${this.#o.maxHandles} files are open, which is the most`))
      this.#open++
      settle(
        () => open(requestPath(path)),
        (value) => {
          if (!this.#over) return end({ type: 'handle', handle: what.add(value) })
          // The client is gone: nobody would ever close it.
          settle(
            () => what.close(value),
            () => this.#closed(1),
            (error) => {
              this.#failed(error, 'close')
              this.#closed(1)
            },
          )
          done()
        },
        (error) => {
          this.#closed(1)
          end(this.#failed(error, op))
        },
      )
    })
  }

  #close(open: Open<F, D>, answer: Answer): void {
    const h = this.#h
    this.#order.onHandles([open.lane], true, (done) =>
      settle(
        () => (open.kind === 'file' ? h.close?.(open.value) : h.closedir?.(open.value)),
        () => {
          this.#closed(1)
          answer(okReply)
          done()
        },
        (error) => {
          this.#closed(1)
          answer(this.#failed(error, 'close'))
          done()
        },
      ),
    )
  }

  #closed(count: number): void {
    this.#open -= count
    if (this.#open === 0) this.#onClosed?.()
  }

  #read(request: Extract<SftpRequest, { readonly type: 'read' }>, answer: Answer): void {
    const { handle, offset } = request
    const length = Math.min(request.len, this.#o.maxReadLength)
    const read = this.#h.read?.bind(this.#h)
    const toData = (data: Uint8Array | undefined): SftpReply => {
      if (data === undefined || data.length === 0) return endReply
      if (data.length > length)
        throw new UsageError(`the handler of read gave ${data.length} bytes where ${length} were asked for`)
      return { type: 'data', data }
    }
    this.#onFile('read', handle, false, read && ((file) => read(file, offset, length)), toData, answer)
  }

  #readdir(handle: Uint8Array, answer: Answer): void {
    const h = this.#h
    if (h.readdir === undefined) return answer(unsupportedReply)
    const open = this.#handles.directory(handle)
    if (open === undefined) return answer(noSuchHandle)
    const toNames = (): SftpReply => {
      const [names, rest] = cutNames(open.items)
      open.items = rest
      return names.length === 0 ? endReply : { type: 'name', names }
    }
    const more = (): Awaitable<void> => {
      if (open.items.length > 0) return
      const items = h.readdir?.(open.value)
      if (isPromise(items))
        return items.then((got) => {
          open.items = got ?? []
        })
      open.items = items ?? []
    }
    this.#order.onHandles([open.lane], false, this.#work('readdir', more, toNames, answer))
  }

  #extended(call: ExtendedCall<F> | undefined, answer: Answer): void {
    if (call === undefined) return answer(unsupportedReply)
    const problem = call.paths.map((path) => this.#pathProblem(path)).find((one) => one !== undefined)
    if (problem !== undefined) return answer(problem)
    const files = call.handles.map((handle) => this.#handles.file(handle))
    const known = files.filter((file) => file !== undefined)
    if (known.length < files.length) return answer(noSuchHandle)
    const work = this.#work(
      call.op,
      () =>
        call.run(
          call.paths.map(requestPath),
          known.map(({ value }) => value),
        ),
      (reply) => reply ?? unsupportedReply,
      answer,
    )
    if (known.length > 0)
      this.#order.onHandles(
        known.map(({ lane }) => lane),
        call.changes,
        work,
      )
    else this.#order.onPaths(call.changes, work)
  }

  #onFile<T>(
    op: string,
    handle: Uint8Array,
    changes: boolean,
    call: ((file: F) => Awaitable<T>) | undefined,
    toReply: (value: T) => SftpReply,
    answer: Answer,
  ): void {
    if (call === undefined) return answer(unsupportedReply)
    const open = this.#handles.file(handle)
    if (open === undefined) return answer(noSuchHandle)
    this.#order.onHandles(
      [open.lane],
      changes,
      this.#work(op, () => call(open.value), toReply, answer),
    )
  }

  #onPath<T>(
    op: string,
    path: Uint8Array,
    changes: boolean,
    call: ((path: RequestPath) => Awaitable<T>) | undefined,
    toReply: (value: T) => SftpReply,
    answer: Answer,
  ): void {
    if (call === undefined) return answer(unsupportedReply)
    const problem = this.#pathProblem(path)
    if (problem !== undefined) return answer(problem)
    this.#order.onPaths(
      changes,
      this.#work(op, () => call(requestPath(path)), toReply, answer),
    )
  }

  #onTwoPaths(
    op: string,
    one: Uint8Array,
    two: Uint8Array,
    call: ((one: RequestPath, two: RequestPath) => Awaitable<void>) | undefined,
    answer: Answer,
  ): void {
    if (call === undefined) return answer(unsupportedReply)
    const problem = this.#pathProblem(one) ?? this.#pathProblem(two)
    if (problem !== undefined) return answer(problem)
    this.#order.onPaths(
      true,
      this.#work(op, () => call(requestPath(one), requestPath(two)), toOk, answer),
    )
  }

  #work<T>(
    op: string,
    call: () => Awaitable<T>,
    toReply: (value: T) => SftpReply,
    answer: Answer,
  ): (done: () => void) => void {
    return (done) => {
      const end = (reply: SftpReply): void => {
        answer(reply)
        done()
      }
      settle(
        call,
        (value) => {
          let reply: SftpReply
          try {
            reply = toReply(value)
          } catch (error) {
            reply = this.#failed(error, op)
          }
          end(reply)
        },
        (error) => end(this.#failed(error, op)),
      )
    }
  }

  #pathProblem(path: Uint8Array): SftpReply | undefined {
    if (path.length > this.#o.maxPathLength)
      return statusReply(SftpStatus.badMessage, `a path of ${path.length} bytes is too long`)
    return path.includes(0)
      ? statusReply(SftpStatus.badMessage, 'a path must not contain a NUL byte')
      : undefined
  }

  #failed(error: unknown, op: string): SftpReply {
    const { reply, expected } = errorReply(error)
    if (!expected) this.#o.onError?.(error instanceof Error ? error : new Error(String(error)), { op })
    return reply
  }
}

const noSuchHandle = statusReply(SftpStatus.failure, 'No such handle')

const toOk = (): SftpReply => okReply
const toAttrs = (attrs: Extract<SftpReply, { type: 'attrs' }>['attrs']): SftpReply => ({
  type: 'attrs',
  attrs,
})
const toName = (path: string | Uint8Array): SftpReply => {
  const filename = pathBytes(path)
  return { type: 'name', names: [{ filename, longname: filename, attrs: {} }] }
}

/** As many of `items` as one reply shall have, and the others. */
function cutNames(
  items: OpenDirectory<unknown>['items'],
): readonly [Extract<SftpReply, { type: 'name' }>['names'], OpenDirectory<unknown>['items']] {
  const now = Date.now() / 1000
  const names: { filename: Uint8Array; longname: Uint8Array; attrs: (typeof items)[number]['attrs'] }[] = []
  let bytes = 0
  for (const item of items) {
    const filename = pathBytes(item.name)
    const longname = longnameOf(item, now)
    // Attributes take up to 32 bytes besides a vendor's own.
    bytes += filename.length + longname.length + 40
    if (bytes > nameBytes && names.length > 0) break
    names.push({ filename, longname, attrs: item.attrs })
  }
  return [names, items.slice(names.length)]
}

function isPromise<T>(value: Awaitable<T>): value is PromiseLike<T> {
  return typeof (value as { readonly then?: unknown } | undefined)?.then === 'function'
}

/** Calls one of `done` and `failed` once: at once when `call` gives a value, later when it gives a promise. */
function settle<T>(
  call: () => Awaitable<T>,
  done: (value: T) => void,
  failed: (error: unknown) => void,
): void {
  let result: Awaitable<T>
  try {
    result = call()
  } catch (error) {
    return failed(error)
  }
  if (isPromise(result)) void result.then(done, failed)
  else done(result)
}
