/** What the machines tell an observer: typed events, never key material, never password fields. */

/** One observation. `layer` says which machine speaks; the rest depends on `type`. */
export type TraceEvent =
  | {
      readonly layer: 'transport' | 'userauth' | 'connection' | 'sftp' | 'agent'
      readonly type: 'message'
      readonly direction: 'in' | 'out'
      /** The RFC's name of the message in our case, such as `channelOpen`; its number when unknown. */
      readonly name: string
      readonly number: number
      /** Bytes of the payload. */
      readonly size: number
    }
  | {
      readonly layer: 'transport'
      readonly type: 'ident'
      readonly direction: 'in' | 'out'
      readonly ident: string
    }
  | {
      readonly layer: 'transport'
      readonly type: 'negotiated'
      /** Category (kex, hostKey, cipherOut, …) and the algorithm chosen. */
      readonly algorithms: Readonly<Record<string, string>>
    }
  | {
      readonly layer: 'transport'
      readonly type: 'proposal'
      /** `out`: ours. */
      readonly direction: 'in' | 'out'
      /** The name-lists of a KEXINIT (RFC 4253 §7.1) by their field, best first. */
      readonly lists: Readonly<Record<string, readonly string[]>>
    }
  | { readonly layer: 'transport'; readonly type: 'rekey'; readonly why: string }
  | {
      readonly layer: 'userauth'
      readonly type: 'attempt' | 'outcome'
      readonly method: string
      readonly detail: string
    }
  | { readonly layer: 'session'; readonly type: 'phase'; readonly phase: string }
  | {
      readonly layer: 'transport' | 'userauth' | 'connection' | 'session' | 'sftp' | 'agent'
      readonly type: 'limit'
      readonly limit: string
      readonly detail: string
    }
  | {
      readonly layer: 'transport' | 'userauth' | 'connection' | 'session' | 'sftp' | 'agent'
      readonly type: 'note'
      readonly detail: string
    }

export type Trace = (event: TraceEvent) => void
