/** The reference as a page in one of the languages. */
import type { Language, Texts } from "../map/words.ts";
import type { CommandText, Word } from "./commands.ts";
import type { Row, Section } from "./declared.ts";
import { code, formOf } from "./forms.ts";
import type { Material } from "./material.ts";
import { COMMANDS } from "./russian-commands.ts";
import { FIELDS } from "./russian-fields.ts";

/** Explanations in Russian, by the English ones. */
export const RUSSIAN: Readonly<Record<string, string>> = { ...FIELDS, ...COMMANDS };

const SAY = {
  title: { en: "Reference", ru: "Справочник" },
  made: {
    en: "Made by `npm run reference` from the schemas, the comments beside their fields and the command line; a test compares it. A name\nhas small Latin letters, digits and dashes, at most 31, the first a letter. What must hold between fields is told by the program when it does not.",
    ru: "Составлено командой `npm run reference` по схемам, комментариям возле их полей и командной строке; тест сверяет. Имя —\nэто строчные латинские буквы, цифры и дефисы, не больше 31, сначала буква. Что должно выполняться между полями, программа говорит, когда это не так.",
  },
  declaration: { en: "The declaration, `stacks/…`", ru: "Объявление, `stacks/…`" },
  farm: { en: "The farm", ru: "Ферма" },
  configuration: {
    en: "The configuration, `Pulumi.STACK.yaml`",
    ru: "Настройки, `Pulumi.STACK.yaml`",
  },
  plain: {
    en: "Nothing of this is secret: `pulumi config set --path 'farms:addresses.db1' ADDRESS`, and so on.",
    ru: "Секретов здесь нет: `pulumi config set --path 'farms:addresses.db1' ADDRESS` и так далее.",
  },
  secrets: { en: "Secrets", ru: "Секреты" },
  secret: {
    en: "Each is set by `pulumi config set --secret KEY`, which asks for it. The providers also take their tokens from the environment.",
    ru: "Каждый задают командой `pulumi config set --secret KEY`, она его спросит. Провайдеры берут свои токены и из окружения.",
  },
  commands: { en: "Commands", ru: "Команды" },
  field: { en: "field", ru: "поле" },
  key: { en: "key", ru: "ключ" },
  form: { en: "what is written", ru: "что пишут" },
  default: { en: "default", ru: "если не написано" },
  meaning: { en: "meaning", ru: "смысл" },
  typed: { en: "argument, option", ru: "аргумент, ключ" },
  required: { en: "required", ru: "обязательно" },
  one: { en: "one of", ru: "одно из" },
} as const satisfies Record<string, Texts>;

/** An anchor as GitHub and GitLab make it of a heading. */
const anchor = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} -]/gu, "")
    .replaceAll(" ", "-");

class Page {
  readonly #language: Language;

  constructor(language: Language) {
    this.#language = language;
  }

  say(key: keyof typeof SAY): string {
    return SAY[key][this.#language];
  }

  /** An explanation in this page's language. Throws an Error where there is none. */
  explain(english: string): string {
    const text = this.#language === "en" ? english : RUSSIAN[english];
    if (!text)
      throw new Error(
        this.#language === "en"
          ? "a field has no comment, or a command no description"
          : `src/reference/russian-*.ts has no Russian for: ${english}`,
      );
    return text.replaceAll("|", "\\|");
  }

  table(head: readonly (keyof typeof SAY)[], rows: readonly (readonly string[])[]): string {
    const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
    return [line(head.map((key) => this.say(key))), line(head.map(() => "---")), ...rows.map(line)].join(
      "\n",
    );
  }

  #default(required: boolean, value: unknown): string {
    if (required) return this.say("required");
    return value === undefined ? "" : code(JSON.stringify(value));
  }

  #field({ name, node, required, meaning, sections }: Row): string[] {
    const links = sections.map((path) => `[${code(path)}](#${anchor(path)})`);
    return [
      code(name),
      formOf(node, this.#language, links.join(", ")),
      this.#default(required, node.default),
      this.explain(meaning),
    ];
  }

  /** Sections as tables, each under its path but the first, which stands under `head`. */
  sections(head: string, name: "field" | "key", [first, ...others]: readonly Section[]): string[] {
    const table = (section: Section | undefined, what: "field" | "key"): string =>
      this.table([what, "form", "default", "meaning"], section?.rows.map((row) => this.#field(row)) ?? []);
    return [
      head,
      table(first, name),
      ...others.flatMap((section) => [`### ${code(section.path)}`, table(section, "field")]),
    ];
  }

  #word(word: Word): string[] {
    const choices =
      word.choices.length > 0 ? ` (${this.say("one")} ${word.choices.map(code).join(", ")})` : "";
    // That what stands in angle brackets is needed, is seen.
    const required = word.required && word.typed.startsWith("-");
    return [
      code(word.typed),
      this.#default(required, word.default),
      `${this.explain(word.meaning)}${choices}`,
    ];
  }

  command({ name, usage, meaning, words }: CommandText): string[] {
    return [
      `### ${code(name)}`,
      this.explain(meaning),
      ...(usage === undefined ? [] : [`    ${usage}`]),
      ...(words.length === 0
        ? []
        : [
            this.table(
              ["typed", "default", "meaning"],
              words.map((word) => this.#word(word)),
            ),
          ]),
    ];
  }
}

/** The whole page. Throws an Error where something is explained in one language alone. */
export function referencePage(material: Material, language: Language): string {
  const page = new Page(language);
  const configuration = material.configuration.map((section) => ({
    ...section,
    rows: section.rows.map((row) =>
      section.path === "farms:" ? { ...row, name: `farms:${row.name}` } : row,
    ),
  }));
  const parts = [
    `# ${page.say("title")}`,
    page.say("made"),
    `## ${page.say("declaration")}`,
    ...page.sections(`### ${page.say("farm")}`, "field", material.declaration),
    `## ${page.say("configuration")}`,
    ...page.sections(page.say("plain"), "key", configuration),
    `### ${page.say("secrets")}`,
    ...page.sections(page.say("secret"), "key", material.secrets),
    `## ${page.say("commands")}`,
    ...material.commands.flatMap((command) => page.command(command)),
  ];
  return `${parts.join("\n\n")}\n`;
}
