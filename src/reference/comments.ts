/** The comments beside the fields of our schemas, as an editor shows them to whoever writes a declaration. */
import { join } from "node:path";
import ts from "typescript";

const ROOT = join(import.meta.dirname, "../..");

/** A place in what a schema takes. What it has no type for throws an Error: schema and type come from the same lines. */
export interface Comments {
  /** What the comment says, in one line; "" where there is none. */
  readonly text: string;
  field(name: string): Comments;
  /** Of a list or a map: what stands in it. */
  item(): Comments;
  /** Of the forms that an object may have: the one with one of these values in a field. */
  variant(field: string, values: readonly (string | number)[]): Comments;
}

const known = (what: string, type: ts.Type | undefined): ts.Type => {
  if (type === undefined) throw new Error(`the type of a schema has no ${what}`);
  return type;
};

class Place implements Comments {
  readonly #checker: ts.TypeChecker;
  readonly #type: ts.Type;
  readonly text: string;

  constructor(checker: ts.TypeChecker, type: ts.Type, text: string) {
    this.#checker = checker;
    this.#type = checker.getNonNullableType(type);
    this.text = text;
  }

  field(name: string): Comments {
    const symbol = this.#type.getProperty(name);
    if (symbol === undefined) throw new Error(`the type of a schema has no field ${name}`);
    const text = ts.displayPartsToString(symbol.getDocumentationComment(this.#checker));
    return new Place(this.#checker, this.#checker.getTypeOfSymbol(symbol), text.replace(/\s+/g, " "));
  }

  item(): Comments {
    const of = (kind: ts.IndexKind) => this.#checker.getIndexTypeOfType(this.#type, kind);
    return new Place(this.#checker, known("items", of(ts.IndexKind.Number) ?? of(ts.IndexKind.String)), "");
  }

  variant(field: string, values: readonly (string | number)[]): Comments {
    const wanted = JSON.stringify(values[0]);
    const literals = (type: ts.Type): string[] => {
      const symbol = type.getProperty(field);
      const of = symbol && this.#checker.getTypeOfSymbol(symbol);
      const each = of?.isUnion() ? of.types : of ? [of] : [];
      return each.map((one) => this.#checker.typeToString(one));
    };
    const types = this.#type.isUnion() ? this.#type.types : [this.#type];
    const found = types.find((type) => literals(type).includes(wanted));
    return new Place(this.#checker, known(`variant ${field}: ${wanted}`, found), this.text);
  }
}

/**
 * Reads the comments of files: for each a function that gives those of an exported schema by its name. Takes about two seconds, in
 * which the compiler reads what the schemas are made of.
 */
export function commentsOf<const Files extends readonly string[]>(
  ...files: Files
): { [File in keyof Files]: (schema: string) => Comments } {
  const config = ts.readConfigFile(join(ROOT, "tsconfig.json"), ts.sys.readFile).config;
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
  const paths = files.map((file) => join(ROOT, file));
  const program = ts.createProgram(paths, options);
  const checker = program.getTypeChecker();
  return paths.map((path) => {
    const source = program.getSourceFile(path);
    const module = source && checker.getSymbolAtLocation(source);
    const exported = new Map(
      module && checker.getExportsOfModule(module).map((symbol) => [symbol.name, symbol]),
    );
    return (schema: string) => {
      const symbol = exported.get(schema);
      const internals = symbol && checker.getTypeOfSymbol(symbol).getProperty("_zod");
      const input = internals && checker.getTypeOfSymbol(internals).getProperty("input");
      return new Place(
        checker,
        known(`exported schema ${schema}`, input && checker.getTypeOfSymbol(input)),
        "",
      );
    };
  }) as { [File in keyof Files]: (schema: string) => Comments };
}
