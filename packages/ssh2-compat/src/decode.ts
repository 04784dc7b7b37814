/** Decodes what a peer sent where the answer to nonsense is a refusal, not the end of the connection. */

import { ProtocolError, type Struct } from '@hawser/wire'

/** The decoded value; undefined when `bytes` do not fit. */
export function decoded<T>(shape: Struct<T>, bytes: Uint8Array): T | undefined {
  try {
    return shape.decode(bytes)
  } catch (error) {
    if (error instanceof ProtocolError) return undefined
    throw error
  }
}
