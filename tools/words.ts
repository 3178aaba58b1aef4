/** A private term of this project, and the established term to use instead. */
interface PrivateWord {
  pattern: RegExp
  use: string
}

/** Distinctive names and phrases only. Everyday terms, which may be right elsewhere, are left to reviewers. */
const PRIVATE_WORDS: readonly PrivateWord[] = [
  { pattern: /\boneDoor\b|\bdoor-command\b|\bfront-door\b|coprctl door/, use: 'reverse proxy' },
  { pattern: /\w*IndexDesk\b|-index-desk\b/, use: 'RepodataWorkspace' },
  { pattern: /\brenderIndex\b/, use: 'writeRepodata' },
  { pattern: /\bScene\b/, use: 'RenderContext' },
  { pattern: /\brequireRoom\b|\bPoolRoom\b|\bpool-room\b/, use: 'quota check or pool capacity' },
  { pattern: /\bdeploy\/turn\b|\bgateway\/turns\b/, use: 'deploy-lock or priority-limiter' },
  { pattern: /\btrouble\.ts\b|\bTrouble\b/, use: 'failure-hints, FailureHint' },
  { pattern: /\bFate\b/, use: 'SimulatedPodBehavior' },
  { pattern: /\b\w*World\b|-world\.(?:test\.)?ts\b/, use: 'fixture' },
  { pattern: /\bopenVault\b|: Vault\b/, use: 'KeygenContext' },
  { pattern: /\bmachine-care\b|\bpool-care\b/, use: 'machine-admin or pool-admin' },
  { pattern: /\bgateway-beat\b/, use: 'gateway-heartbeat' },
  { pattern: /\bfacultiesOf\b/, use: 'capabilitiesOf' },
  { pattern: /\bwaysIn\b/, use: 'authenticators' },
  { pattern: /\bSpoiledError\b|\.spoil\(/, use: 'UncleanMachineError or markUnclean' },
  { pattern: /\btakeBack\b|\bgiveBack\w*/, use: 'requeueTask' },
  { pattern: /\bbring-agent\b|\bbringAgent\b/, use: 'install-agent' },
  { pattern: /\blost-words\b|\blostWords\b/, use: 'retry-notice' },
  { pattern: /\bcrosswise\b/, use: 'deadlock' },
  {
    pattern: /^\s*(?:\/\/|\/\*\*|\*|#|--)\s*(?:Of|Who|Whoever|What|Whatever|So)\b/,
    use: 'a sentence with a subject, or a noun phrase that stands alone',
  },
]

export interface Finding {
  /** The line number, counted from 1; 0 means the file's name. */
  line: number
  found: string
  use: string
}

/** Searches a file's text and its path for private terms that have an established equivalent. */
export function privateWords(path: string, text: string): Finding[] {
  return [path, ...text.split('\n')].flatMap((content, line) =>
    PRIVATE_WORDS.flatMap(({ pattern, use }) => {
      const found = pattern.exec(content)?.[0].trim()
      return found === undefined ? [] : [{ line, found, use }]
    }),
  )
}
