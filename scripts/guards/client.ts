/** Guards of the client: whom it trusts, and what it takes back. */

import { guardsOf, never } from './guard.ts'

export const client = guardsOf('client', [
  [
    'only `true` of a person trusts a host key',
    'host-key.ts',
    'const judge = (answer: unknown): boolean => answer === true ||',
    'const judge = (answer: unknown): boolean => Boolean(answer) ||',
    'host-key.test.ts',
    'only true accepts, nothing that looks like it',
  ],
  [
    'keys that are not among those known',
    'host-key.ts',
    'keys.some((known) => equal(known.blob, shown.blob)),',
    'keys.some(() => shown !== undefined),',
    'host-key.test.ts',
    'accepts its key and no other',
  ],
  [
    'X11 that nobody asked for',
    'incoming.ts',
    'if (open.type === x11.name && onX11 !== undefined && x11Wanted)',
    'if (open.type === x11.name && onX11 !== undefined)',
    'incoming.test.ts',
    'X11 comes through only once it was asked for',
  ],
  [
    'announced host keys without proof',
    'hostkeys-update.ts',
    '!verify(key, utf8Decode(new Reader(signature).string()), proved, signature)',
    never,
    'incoming.test.ts',
    'announced host keys',
  ],
  [
    'too many announced host keys',
    'hostkeys-update.ts',
    'blobs.length > maxAnnounced',
    never,
    'incoming.test.ts',
    'too many',
  ],
  [
    'files of ssh_config that include each other',
    'node/ssh-config.ts',
    'depth >= mostNested',
    never,
    'node/ssh-config.test.ts',
    'files that include each other have an end',
  ],
  [
    'channels that nobody asked for',
    'incoming.ts',
    '  else open.reject(ChannelOpenReason.unknownChannelType, `channels of type ${open.type} are not served here`)\n',
    '',
    'incoming.test.ts',
    'all others are refused without a handler',
  ],
  [
    'secrets in messages',
    'options.ts',
    'the option auth is of type ${typeof auth}',
    'the option auth is ${JSON.stringify(auth)}',
    'options.test.ts',
    'a message never holds a password',
  ],
])
