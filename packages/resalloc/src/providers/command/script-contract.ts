// The contract with resalloc's scripts: the environment they get and the output they return.

/** Maximum bytes kept of the output of `cmd_new`. */
export const MAX_NEW_BYTES = 512
const CUT = '<RESALLOC_TRIMMED>'

interface Told {
  pool: string
  machine_id?: number
  name?: string
  id_in_pool?: number
  counters?: Readonly<Record<string, number>>
  /** The output of `cmd_new`. */
  output?: string
}

/** Returns the environment of a script. `cmd_list` does not concern a single machine: its machine id is 0. */
export function environmentOf(told: Told): Record<string, string> {
  const { pool, machine_id = 0, name, id_in_pool, counters = {}, output } = told
  const env: Record<string, string> = {
    RESALLOC_ID: String(machine_id),
    RESALLOC_NAME: name ?? 'None',
    RESALLOC_POOL_ID: pool,
    RESALLOC_ID_IN_POOL: String(id_in_pool ?? 'None'),
  }
  for (const [counter, value] of Object.entries(counters))
    env[`RESALLOC_NAMED_COUNTER_${counter}`] = String(value)
  if (output !== undefined && output !== '')
    env['RESALLOC_RESOURCE_DATA'] = Buffer.from(output).toString('base64')
  return env
}

/**
 * Trims a script's output to the whole lines that fit the limit, and marks the cut. If not even the first line fits, its beginning is kept.
 */
export function keptOutput(output: string, is_cut: boolean): string {
  if (!is_cut && Buffer.byteLength(output) <= MAX_NEW_BYTES) return output
  let kept = ''
  for (const line of output.split(/(?<=\n)/)) {
    if (Buffer.byteLength(kept + line) > MAX_NEW_BYTES) break
    kept += line
  }
  if (kept === '') kept = `${Buffer.from(output).subarray(0, MAX_NEW_BYTES).toString('utf8')}\n`
  return `${kept}${CUT}\n`
}
