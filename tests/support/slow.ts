export { patient } from "../../lab/patience";
