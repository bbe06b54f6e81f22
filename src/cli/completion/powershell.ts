// The completion for PowerShell 5.1 and newer, on Windows and elsewhere. After the target PowerShell completes file names.
// https://learn.microsoft.com/powershell/module/microsoft.powershell.core/register-argumentcompleter
import { quoteForPowerShell } from "../../system/shell-word.ts";
import type { OptionSpec } from "../option-table.ts";
import {
  type CompletionTables,
  flagsOf,
  HEADER,
  shell,
  TUNNELS,
  type ValueSource,
} from "./words.ts";

/** The script for PowerShell. */
export function powershellCompletion(tables: CompletionTables): string {
  const [first = ""] = HEADER;
  return `${[first, ...tableLines(tables), LOGIC].join("\n")}\n`;
}

function tableLines(tables: CompletionTables): string[] {
  const { commands, options, globals, operands, valued, values } = tables;
  const pairs = commands.map(({ name, summary }) => ({ name, summary }));
  return [
    "",
    "Register-ArgumentCompleter -Native -CommandName rdsiam -ScriptBlock {",
    "    param($current, $line, $position)",
    "",
    `    $commands = [ordered]@{${hashOf(pairs)}}`,
    "    # The options of a command; of all commands without one.",
    "    $flags = @{",
    ...options.map(({ name, options: own }) => `        ${name} = [ordered]@{${flagsHash(own)}}`),
    `        '' = [ordered]@{${flagsHash(globals)}}`,
    "    }",
    "    # What may follow a command's name, where that is one of a few words.",
    "    $operands = @{",
    ...operands.map(({ name, words }) => `        ${name} = ${list(words)}`),
    "    }",
    `    $valued = ${list(valued)}`,
    `    $withTool = ${list(tables.withTool.split(" "))}`,
    `    $withTarget = ${list(tables.withTarget.split(" "))}`,
    `    $withTargets = ${list(tables.withTargets.split(" "))}`,
    "    $values = @{",
    ...values.flatMap(({ source, flags }) =>
      // PowerShell's keys have no case: -U is -u, of which there is one.
      flags
        .filter((flag) => flag.startsWith("--"))
        .map((flag) => `        '${flag}' = ${reply(source)}`),
    ),
    "    }",
  ];
}

function flagsHash(options: readonly OptionSpec[]): string {
  return hashOf(
    options.map((option) => ({ name: flagsOf(option)[0] ?? "", summary: option.summary })),
  );
}

function hashOf(pairs: readonly { readonly name: string; readonly summary: string }[]): string {
  return pairs.map(({ name, summary }) => `'${name}' = ${quoteForPowerShell(summary)}`).join("; ");
}

function list(words: readonly string[]): string {
  return `@(${words.map(quoteForPowerShell).join(", ")})`;
}

function reply(source: ValueSource): string {
  if (source.kind === "words") return list(source.words);
  return source.kind === "tunnel" ? list(TUNNELS) : `'${source.kind}'`;
}

const LOGIC = shell`
    $userHome = if ($env:USERPROFILE) { $env:USERPROFILE } else { $HOME }
    $windows = $env:OS -eq 'Windows_NT'

    function Get-Lines($file) {
        if ($file -like '~[/\]*') { $file = Join-Path $userHome $file.Substring(2) }
        if ($file -and (Test-Path -LiteralPath $file -PathType Leaf)) { Get-Content -LiteralPath $file -Encoding UTF8 }
    }

    function Get-Places {
        $config = if ($env:XDG_CONFIG_HOME) { $env:XDG_CONFIG_HOME }
            elseif ($windows) { $env:APPDATA }
            else { Join-Path $userHome '.config' }
        $own = if ($env:RDSIAM_CONFIG_FILE) { $env:RDSIAM_CONFIG_FILE }
            else { Join-Path (Join-Path $config 'rdsiam') 'config' }
        $aws = Join-Path $userHome '.aws'
        @('own', $own)
        @('config', $(if ($null -ne $env:AWS_CONFIG_FILE) { $env:AWS_CONFIG_FILE } else { Join-Path $aws 'config' }))
        @('credentials', $(if ($null -ne $env:AWS_SHARED_CREDENTIALS_FILE) { $env:AWS_SHARED_CREDENTIALS_FILE } else { Join-Path $aws 'credentials' }))
    }

    # The targets, name by name with USER@HOST; of profiles all names.
    function Get-Sections([switch]$profiles) {
        $sections = [ordered]@{}
        $places = @(Get-Places)
        for ($i = 0; $i -lt $places.Count; $i += 2) {
            $kind = $places[$i]
            if ($profiles -and $kind -eq 'own') { continue }
            $name = $null
            foreach ($text in (Get-Lines $places[$i + 1])) {
                if ($text -match '^\s*\[\s*(.*?)\s*\]') {
                    $name = $Matches[1]
                    if ($kind -eq 'config' -and $name -cmatch '^profile\s+(.*)$') { $name = $Matches[1] }
                    elseif ($kind -eq 'config' -and $name -cne 'default') { $name = $null; continue }
                    if ($kind -eq 'config') { $name = $name -replace '^["'']|["'']$', '' }
                    if ($kind -ne 'own' -and $sections.Contains($name) -and $sections[$name].Kind -eq 'own') { $name = $null; continue }
                    if (-not $sections.Contains($name)) { $sections[$name] = @{ Kind = $kind; Host = ''; User = '' } }
                } elseif ($null -ne $name -and $text -match '^\s*([^#;\s][^=:]*?)\s*[=:]\s*"?(.*?)"?\s*$') {
                    $key, $value = $Matches[1], $Matches[2]
                    if ($kind -ne 'own') {
                        if ($key -notmatch '^rds_') { continue }
                        $key = $key.Substring(4).ToLowerInvariant()
                    }
                    if ($key -cmatch '^host(name)?$') { $sections[$name].Host = $value }
                    if ($key -cmatch '^user(name)?$') { $sections[$name].User = $value }
                }
            }
        }
        foreach ($name in $sections.Keys) {
            $found = $sections[$name]
            if ($profiles) { @{ Text = $name; Tip = $name } }
            elseif ($found.Host) {
                $user = if ($found.User) { "$($found.User)@" } else { '' }
                @{ Text = $name; Tip = "$user$($found.Host)" }
            }
        }
    }

    function Get-Values($flag) {
        $source = $values[$flag]
        if ($source -is [array]) { foreach ($word in $source) { @{ Text = $word; Tip = $word } } }
        elseif ($source -eq 'target') { Get-Sections }
        elseif ($source -eq 'profile') { Get-Sections -profiles }
    }

    function Get-Table($table) {
        foreach ($name in $table.Keys) { @{ Text = $name; Tip = $table[$name] } }
    }

    # What begins as the current word does. A name with signs of PowerShell's is a word in quotes.
    function Show-Words($found, $prefix = '') {
        $typed = $current -replace '^[''"]|[''"]$', ''
        foreach ($each in $found) {
            $text = $prefix + $each.Text
            if (-not $text.StartsWith($typed, [StringComparison]::OrdinalIgnoreCase)) { continue }
            $word = if ($text -match '^[\w@./:=+-]+$' -and $text -notmatch '^@') { $text } else { "'" + $text.Replace("'", "''") + "'" }
            [System.Management.Automation.CompletionResult]::new($word, $text, 'ParameterValue', $each.Tip)
        }
    }

    $words = @($line.CommandElements | Where-Object { $_.Extent.EndOffset -lt $position } | Select-Object -Skip 1 | ForEach-Object { if ($_ -is [System.Management.Automation.Language.StringConstantExpressionAst]) { $_.Value } else { $_.Extent.Text } })
    $command = ''
    $count = 0
    $named = $false
    for ($i = 0; $i -lt $words.Count; $i++) {
        $word = $words[$i]
        if ($word -eq '--') { return }
        if ($word -like '--target*') { $named = $true }
        if ($word -like '-*') {
            if ($valued -ccontains $word) {
                if ($i -eq $words.Count - 1) { return Show-Words (Get-Values $word) }
                $i++
            }
        }
        elseif ($command -eq '') { $command = $word }
        elseif ($withTool -contains $command) { return }
        else { $count++ }
    }
    if ($current -match '^(--[a-z-]+)=') { return Show-Words (Get-Values $Matches[1]) "$($Matches[1])=" }
    if ($current -like '-*') { return Show-Words (Get-Table $(if ($flags.Contains($command)) { $flags[$command] } else { $flags[''] })) }
    if ($command -eq '') { return Show-Words (Get-Table $commands) }
    if ($command -eq 'exec' -and $named) { return }
    if ($withTarget -contains $command) {
        if ($count -eq 0 -or $withTargets -contains $command) { return Show-Words (Get-Sections) }
    }
    elseif ($count -eq 0 -and $operands.Contains($command)) {
        Show-Words @($operands[$command] | ForEach-Object { @{ Text = $_; Tip = $_ } })
    }
}`;
