import { createHash } from 'node:crypto'
import { type ClaimAnswer, type FinishRequest, LEASE_HEADER } from '@copr/contract/builder-protocol'
import type { BuiltFile } from './packages.ts'

/** The agent's side of the protocol: one request at a time, without retries. */
export class TestAgent {
  readonly url: string
  readonly token: string
  lease = ''
  task_id = ''
  build_id = 0
  /** Called before the agent reports an import, to record the import in the database as dist-git itself does; see noteImport(). */
  onImported?: (build_id: number, commits: Record<string, string>) => Promise<void>

  constructor(url: string, token: string) {
    this.url = url
    this.token = token
  }

  async send(method: string, path: string, init: RequestInit = {}): Promise<Response> {
    const headers = { authorization: `Bearer ${this.token}`, [LEASE_HEADER]: this.lease }
    return await fetch(`${this.url}/builder${path}`, { method, headers, ...init })
  }

  async post(path: string, body: unknown): Promise<Response> {
    return await this.send('POST', path, { body: JSON.stringify(body) })
  }

  /** Claims a task; returns undefined when there was none. */
  async claim(wait_seconds = 0): Promise<ClaimAnswer | undefined> {
    const response = await this.post('/claim', { wait_seconds })
    if (response.status === 204) return undefined
    if (!response.ok) throw new Error(`claim: ${response.status} ${await response.text()}`)
    const answer = (await response.json()) as ClaimAnswer
    this.lease = answer.lease
    this.task_id = answer.task.task_id
    this.build_id = answer.task.build_id
    return answer
  }

  async log(text: string, offset: number, name = 'builder-live.log'): Promise<Response> {
    return await this.send('PUT', `/tasks/${this.task_id}/log?name=${name}&offset=${offset}`, {
      body: text,
    })
  }

  async put(name: string, data: Uint8Array, offset = 0): Promise<Response> {
    const path = `/tasks/${this.task_id}/files/${encodeURIComponent(name)}?offset=${offset}`
    return await this.send('PUT', path, { body: new Uint8Array(data) })
  }

  async finish(request: FinishRequest): Promise<Response> {
    return await this.post(`/tasks/${this.task_id}/finish`, request)
  }

  /** Uploads all files and reports success. */
  async succeed(
    files: BuiltFile[],
    more: { branch_commits?: Record<string, string> } = {},
  ): Promise<Response> {
    for (const file of files) await this.put(file.name, file.data)
    if (more.branch_commits) await this.onImported?.(this.build_id, more.branch_commits)
    return await this.finish({ outcome: 'succeeded', files: files.map(listed), ...more })
  }
}

export function listed({ name, data }: BuiltFile) {
  return { name, size: data.length, sha256: createHash('sha256').update(data).digest('hex') }
}
