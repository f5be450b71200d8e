import { eachTableOnce } from "../../components/route-tables";
import { UserError } from "../../config/errors";

const OWN = [
  { id: "rtb-01", zone: "eu-central-1a" },
  { id: "rtb-02", zone: "eu-central-1b" },
];

test("named tables come after the program's own", () => {
  const named = [{ id: "rtb-03", zone: "eu-central-1a" }];
  expect(eachTableOnce(OWN, named)).toEqual([...OWN, ...named]);
});

test.each(["eu-central-1a", "eu-central-1b"])(
  "one of the program's own that is named for %s as well is refused: it would be led two ways",
  (zone) => {
    const merge = () => eachTableOnce(OWN, [{ id: "rtb-02", zone }]);
    expect(merge).toThrow(UserError);
    expect(merge).toThrow("names rtb-02, which is the program's own for a subnet of eu-central-1b");
  },
);
