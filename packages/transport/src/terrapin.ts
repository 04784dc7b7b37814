/** Which ciphers let somebody in the middle take out the first packets unseen, where key exchange is not strict (CVE-2023-48795, "Terrapin"). */

/** The ciphers, and the MACs beside them, of one choice. */
interface Ciphers {
  readonly cipherOut: string
  readonly cipherIn: string
  readonly macOut: string
  readonly macIn: string
}

/**
 * What of `chosen` the attack works with: ChaCha20-Poly1305, whose state is the sequence number alone, and CBC with a MAC of the
 * sealed packet. GCM and CTR count by themselves, so that a packet that is missing is noticed.
 */
export function terrapinProne({ cipherOut, cipherIn, macOut, macIn }: Ciphers): readonly string[] {
  const directions = [
    [cipherOut, macOut],
    [cipherIn, macIn],
  ] as const
  const prone = directions.flatMap(([cipher, mac]) => {
    if (cipher.startsWith('chacha20-poly1305')) return [cipher]
    return cipher.endsWith('-cbc') && mac.includes('-etm@') ? [`${cipher} with ${mac}`] : []
  })
  return [...new Set(prone)]
}
