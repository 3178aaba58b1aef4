import { Command } from 'commander'
import { SecretVars, Vars } from '@copr/contract/deployment/vars'
import { explainKey } from '@copr/openshift/configuration/explain'
import { jsonSchema } from '@copr/openshift/configuration/schema-keys'
import type { Io } from '../commands/administer.ts'
import { linesOf } from '../commands/lines.ts'
import { subcommands } from '../commands/subcommands.ts'
import { readDeployment } from './deployment-options.ts'

interface Files {
  vars: string
  secretVars: string
}

/** `coprctl config` explains and checks vars.yml and secret-vars.yml, without a cluster. */
export function configCommand(io: Io): Command {
  const config = new Command('config')
    .summary('explain and check vars.yml')
    .description('vars.yml and secret-vars.yml.')
  const sub = subcommands(config)
  const files = (command: Command): Command =>
    command
      .option('--vars <file>', 'the file with the normal values', 'vars.yml')
      .option('--secret-vars <file>', 'the file with the secret values', 'secret-vars.yml')

  files(sub('explain <key>', 'explain a key: its meaning, value and origin'))
    .option('--json', 'print JSON')
    .action((key: string, options: Files & { json?: boolean }) => {
      const explanation = explainKey(key, readDeployment(options))
      if (options.json) io.stdout.write(`${JSON.stringify(explanation, null, 2)}\n`)
      else for (const line of linesOf(explanation)) io.stdout.write(`${line}\n`)
    })

  files(
    sub(
      'check',
      'check both files; for a file of the reference system, report what each key became',
    ),
  ).action((options: Files) => {
    const { remarks, vars } = readDeployment(options)
    for (const { key, became } of remarks) io.stdout.write(`${key}: ${became}\n`)
    io.stderr.write(
      `Both files are valid; the deployment is ${vars.name}, profile ${vars.profile}\n`,
    )
  })

  sub('schema', 'print the JSON Schema of vars.yml')
    .option('--secrets', 'print the schema of secret-vars.yml instead')
    .action(({ secrets }: { secrets?: boolean }) => {
      const schema = secrets
        ? jsonSchema(SecretVars, 'secret-vars.yml')
        : jsonSchema(Vars, 'vars.yml')
      io.stdout.write(`${JSON.stringify(schema, null, 2)}\n`)
    })
  return config
}
