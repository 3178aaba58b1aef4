import { gunzipSync } from 'node:zlib'
import { AgentConfig } from '@copr/contract/agent-config'
import { parse } from 'yaml'

interface WrittenFile {
  path: string
  content: string
}

/** Extracts the enrollment data of an agent from the user data of its machine. */
export function bootOfUserData(base64: string) {
  const text = gunzipSync(Buffer.from(base64, 'base64')).toString()
  const { write_files } = parse(text) as { write_files: WrittenFile[] }
  const fileOf = (name: string): string =>
    write_files.find(({ path }) => path === `/etc/copr-builder/${name}`)?.content ?? ''
  const { name, arches, tags } = AgentConfig.parse(JSON.parse(fileOf('agent.json')))
  return { enroll_token: fileOf('enroll-token').trim(), name, arches, tags }
}
