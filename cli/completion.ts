/** Shell completion, generated from the tree of commands: what is completed is what there is. */
import type { Command, Option } from "commander";

/** What may follow an option that takes a value. */
type Values =
  | { readonly kind: "words"; readonly words: readonly string[] }
  | { readonly kind: "file" | "stack" | "any" };

interface OptionNode {
  /** `-s`, `--stack`. */
  readonly flags: readonly string[];
  readonly description: string;
  readonly values: Values | undefined;
}

/** A command as a shell sees it. */
export interface CommandNode {
  /** `client add`; empty for wgc itself. */
  readonly path: string;
  readonly commands: readonly { readonly name: string; readonly description: string }[];
  readonly options: readonly OptionNode[];
  /** What its arguments may be, where that is known. */
  readonly argument: Values | undefined;
}

/** The shells there is a script for. */
export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/** Every command of the tree. */
export function commandNodes(program: Command): CommandNode[] {
  const nodes: CommandNode[] = [];
  const walk = (command: Command, path: string): void => {
    const help = command.createHelp();
    const visible = help.visibleCommands(command).filter((each) => each.name() !== "help");
    nodes.push({
      path,
      commands: visible.map((each) => ({ name: each.name(), description: each.description() })),
      options: help.visibleOptions(command).map(optionNode),
      argument: argumentValues(command),
    });
    for (const each of visible) walk(each, `${path} ${each.name()}`.trim());
  };
  walk(program, "");
  return nodes;
}

function argumentValues(command: Command): Values | undefined {
  const choices = command.registeredArguments.find(
    (argument) => argument.argChoices !== undefined,
  )?.argChoices;
  if (choices !== undefined) return { kind: "words", words: choices };
  return command.registeredArguments.some((argument) => argument.name() === "file")
    ? { kind: "file" }
    : undefined;
}

function optionNode(option: Option): OptionNode {
  const flags = [option.short, option.long].filter((flag) => flag !== undefined && flag !== null);
  return { flags, description: option.description, values: valuesOf(option) };
}

function valuesOf(option: Option): Values | undefined {
  if (option.argChoices !== undefined) return { kind: "words", words: option.argChoices };
  if (option.long === "--stack") return { kind: "stack" };
  if (/<(file|dir)\b/.test(option.flags)) return { kind: "file" };
  // `--wait [seconds]` may stand alone, so what follows is completed as if it did.
  return option.required ? { kind: "any" } : undefined;
}

/** The script for a shell. */
export function completionScript(shell: Shell, program: Command): string {
  const nodes = commandNodes(program);
  if (shell === "fish") return fish(nodes);
  return shell === "bash" ? bash(nodes) : zsh(nodes);
}

/** A word for a POSIX shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** `case` of a shell function: prints a text for a word. */
function cases(name: string, subject: string, entries: readonly (readonly [string, string])[]): string {
  const lines = entries
    .filter(([, text]) => text !== "")
    .map(([key, text]) => `    ${quoted(key)}) printf '%s\\n' ${quoted(text)} ;;`);
  return [`${name}() {`, `  case ${subject} in`, ...lines, "  esac", "}"].join("\n");
}

const VALUE_MARKS = { file: "@file", stack: "@stack", any: "@any" } as const;

/** Functions that bash and zsh have in common: what follows a path of commands, and what follows an option. */
function tables(nodes: readonly CommandNode[], described: boolean): string {
  const item = (name: string, description: string): string =>
    described ? `${name.replaceAll(":", "\\:")}:${description.replaceAll("\n", " ")}` : name;
  const separator = described ? "\n" : " ";
  return [
    cases(
      "_wgc_commands",
      '"$1"',
      nodes.map(({ path, commands }) => [path, commands.map((each) => each.name).join(" ")]),
    ),
    cases(
      "_wgc_items",
      '"$1"',
      nodes.map(({ path, commands }) => [
        path,
        commands.map((each) => item(each.name, each.description)).join(separator),
      ]),
    ),
    cases(
      "_wgc_options",
      '"$1"',
      nodes.map(({ path, options }) => [
        path,
        options
          .flatMap(({ flags, description }) => flags.map((flag) => item(flag, description)))
          .join(separator),
      ]),
    ),
    cases("_wgc_values", '"$1|$2"', nodes.flatMap(valueEntries)),
    cases(
      "_wgc_arguments",
      '"$1"',
      nodes.map(({ path, argument }) => [path, argument === undefined ? "" : valuesText(argument)]),
    ),
  ].join("\n");
}

function valueEntries({ path, options }: CommandNode): [string, string][] {
  return options.flatMap(({ flags, values }) => {
    if (values === undefined) return [];
    return flags.map((flag): [string, string] => [`${path}|${flag}`, valuesText(values)]);
  });
}

function valuesText(values: Values): string {
  return values.kind === "words" ? values.words.join(" ") : VALUE_MARKS[values.kind];
}

function bash(nodes: readonly CommandNode[]): string {
  return `# Completion of wgc for bash. To load it: source <(./wgc completion bash)
${tables(nodes, false)}
_wgc_stacks() {
  local file
  for file in Pulumi.*.yaml; do
    file=\${file#Pulumi.}
    [ "$file" = '*.yaml' ] || printf '%s\\n' "\${file%.yaml}"
  done
}
_wgc() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]}
  local path='' word words index
  COMPREPLY=()
  for ((index = 1; index < COMP_CWORD; index++)); do
    word=\${COMP_WORDS[index]}
    case " $(_wgc_commands "$path") " in *" $word "*) path="\${path:+$path }$word" ;; esac
  done
  words=$(_wgc_values "$path" "$previous")
  if [ -z "$words" ]; then
    case $current in
      -*) words=$(_wgc_options "$path") ;;
      *) words="$(_wgc_items "$path")$(_wgc_arguments "$path")" ;;
    esac
  fi
  case $words in
    @any) ;;
    @stack) COMPREPLY=($(compgen -W "$(_wgc_stacks)" -- "$current")) ;;
    @file)
      compopt -o filenames 2>/dev/null
      COMPREPLY=($(compgen -f -- "$current"))
      ;;
    *) COMPREPLY=($(compgen -W "$words" -- "$current")) ;;
  esac
}
complete -F _wgc wgc ./wgc
`;
}

function zsh(nodes: readonly CommandNode[]): string {
  return `#compdef wgc ./wgc
# Completion of wgc for zsh. To load it: source <(./wgc completion zsh)
${tables(nodes, true)}
_wgc() {
  local path_='' word found index
  local -a items
  for ((index = 2; index < CURRENT; index++)); do
    word=\${words[index]}
    case " $(_wgc_commands "$path_") " in *" $word "*) path_="\${path_:+$path_ }$word" ;; esac
  done
  found=$(_wgc_values "$path_" "\${words[CURRENT - 1]}")
  if [[ -z $found ]]; then
    if [[ \${words[CURRENT]} == -* ]]; then
      items=("\${(@f)$(_wgc_options "$path_")}")
      _describe -o option items
      return
    fi
    found=$(_wgc_arguments "$path_")
    if [[ -z $found ]]; then
      items=("\${(@f)$(_wgc_items "$path_")}")
      [[ -z \${items[1]} ]] || _describe command items
      return
    fi
  fi
  case $found in
    @any) ;;
    @stack)
      items=(Pulumi.*.yaml(N))
      items=("\${\${items[@]#Pulumi.}[@]%.yaml}")
      compadd -a items
      ;;
    @file) _files ;;
    *) compadd -- \${(s: :)found} ;;
  esac
}
compdef _wgc wgc ./wgc
`;
}

function fish(nodes: readonly CommandNode[]): string {
  const lines = nodes.flatMap(({ path, commands, options, argument }) => {
    const at = `complete -c wgc -n ${fishQuoted(`__wgc_at ${fishQuoted(path)}`)}`;
    return [
      ...commands.map(
        ({ name, description }) => `${at} -a ${fishQuoted(name)} -d ${fishQuoted(description)}`,
      ),
      ...options.map((option) => `${at} ${fishOption(option)}`),
      ...(argument === undefined
        ? []
        : [`${at} ${argument.kind === "words" ? `-a ${fishQuoted(argument.words.join(" "))}` : "-F"}`]),
    ];
  });
  const paths = nodes.map(({ path }) => path).filter((path) => path !== "");
  return `# Completion of wgc for fish. To load it: ./wgc completion fish | source
function __wgc_path
  set -l path
  for word in (commandline -opc)[2..]
    if contains -- (string join -- ' ' $path $word) ${paths.map(fishQuoted).join(" ")}
      set -a path $word
    end
  end
  string join -- ' ' $path
end
function __wgc_at
  test (__wgc_path | string collect --allow-empty) = "$argv[1]"
end
complete -c wgc -f
${lines.join("\n")}
`;
}

function fishOption({ flags, description, values }: OptionNode): string {
  const names = flags.map((flag) => (flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
  const stacks = "(string replace -rf '^Pulumi\\.(.+)\\.yaml$' '$1' Pulumi.*.yaml)";
  const taken =
    values === undefined
      ? []
      : {
          words: values.kind === "words" ? [`-x -a ${fishQuoted(values.words.join(" "))}`] : [],
          file: ["-r -F"],
          stack: [`-x -a ${fishQuoted(stacks)}`],
          any: ["-x"],
        }[values.kind];
  return [...names, ...taken, `-d ${fishQuoted(description)}`].join(" ");
}

function fishQuoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
