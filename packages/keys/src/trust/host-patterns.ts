/** Lists of patterns for hosts, as in known_hosts and `from=`: commas between them, `*`, `?` and `!` (ssh_config(5), PATTERNS). */

/** Whether `name` fits one of `list` and none of those that start with `!`. Upper and lower case are the same: for names of hosts. */
export function matchesPatterns(name: string, list: string): boolean {
  return fitsPatternList(name.toLowerCase(), list.toLowerCase())
}

/** {@link matchesPatterns} for names in which upper and lower case differ, such as those of people. */
export function fitsPatternList(name: string, list: string): boolean {
  let fits = false
  for (const pattern of list.split(',')) {
    if (pattern.startsWith('!')) {
      if (matchesPattern(name, pattern.slice(1))) return false
    } else if (!fits) fits = matchesPattern(name, pattern)
  }
  return fits
}

/** `*` stands for any characters, `?` for one. Takes time in name × pattern at most: only the last star is tried again. */
export function matchesPattern(name: string, pattern: string): boolean {
  let at = 0
  let from = 0
  let star = -1
  let resume = 0
  while (at < name.length) {
    const wanted = pattern[from]
    if (wanted === '*') {
      star = from++
      resume = at
    } else if (wanted !== undefined && (wanted === '?' || wanted === name[at])) {
      at++
      from++
    } else if (star >= 0) {
      from = star + 1
      at = ++resume
    } else return false
  }
  while (pattern[from] === '*') from++
  return from === pattern.length
}
