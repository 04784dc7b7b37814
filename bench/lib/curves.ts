/** Curves as an SVG picture: how something grows with a count, both in powers of ten. */

import { colours } from './picture.ts'

export type Point = readonly [count: number, value: number]

export interface Curve {
  readonly title: string
  readonly lines: readonly { readonly name: string; readonly points: readonly Point[] }[]
}

const panel = { width: 340, height: 220, left: 56, top: 34, right: 12, bottom: 30 }

/** Two panels beside each other, as many rows as it takes, and the names of the colours below. */
export function curves(all: readonly Curve[]): string {
  const [width, rows] = [panel.width * 2, Math.ceil(all.length / 2)]
  const names = [...new Set(all.flatMap(({ lines }) => lines.map(({ name }) => name)))]
  const height = rows * panel.height + 40
  const parts = all.map((curve, at) => draw(curve, (at % 2) * panel.width, Math.floor(at / 2) * panel.height))
  const legend = names.map(
    (name, at) =>
      `<rect x="${56 + at * 140}" y="${height - 28}" width="12" height="12" fill="${colourOf(name)}"/><text x="${74 + at * 140}" y="${height - 18}">${name}</text>`,
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="how cost grows">
<style>text{font:12px system-ui,sans-serif;fill:#1f2430}.t{font-weight:600}.n{font-size:10px}</style>
<rect width="100%" height="100%" fill="#fff"/>
${[...parts, ...legend].join('\n')}
</svg>
`
}

function draw({ title, lines }: Curve, x: number, y: number): string {
  const points = lines.flatMap((line) => line.points)
  if (points.length === 0) return ''
  const [columns, values] = [powers(points.map((p) => p[0])), powers(points.map((p) => p[1]))]
  const [left, right] = [x + panel.left, x + panel.width - panel.right]
  const [top, bottom] = [y + panel.top, y + panel.height - panel.bottom]
  const across = (count: number): string => (left + (right - left) * columns.part(count)).toFixed(1)
  const up = (value: number): string => (bottom - (bottom - top) * values.part(value)).toFixed(1)
  const parts = [`<text x="${left}" y="${y + 20}" class="t">${title}</text>`]
  for (const power of values.ticks)
    parts.push(
      `<path d="M${left} ${up(power)}H${right}" stroke="#e3e6ea"/><text x="${left - 6}" y="${Number(up(power)) + 4}" text-anchor="end" class="n">${power}</text>`,
    )
  for (const power of columns.ticks)
    parts.push(`<text x="${across(power)}" y="${bottom + 16}" text-anchor="middle" class="n">${power}</text>`)
  for (const line of lines) {
    const colour = colourOf(line.name)
    const way = line.points.map(([count, value]) => `${across(count)} ${up(value)}`)
    if (way.length > 0)
      parts.push(`<path d="M${way.join('L')}" fill="none" stroke="${colour}" stroke-width="2"/>`)
    for (const [count, value] of line.points)
      parts.push(`<circle cx="${across(count)}" cy="${up(value)}" r="3" fill="${colour}"/>`)
  }
  return parts.join('\n')
}

/** The powers of ten around `values`, and where between the first and the last a value lies. */
function powers(values: readonly number[]): {
  readonly ticks: readonly number[]
  part(value: number): number
} {
  const first = Math.floor(Math.log10(Math.min(...values)))
  const last = Math.max(first + 1, Math.ceil(Math.log10(Math.max(...values))))
  const ticks = Array.from({ length: last - first + 1 }, (_, at) =>
    Number((10 ** (first + at)).toPrecision(1)),
  )
  return { ticks, part: (value) => (Math.log10(value) - first) / (last - first) }
}

function colourOf(name: string): string {
  return colours[name] ?? '#999'
}
