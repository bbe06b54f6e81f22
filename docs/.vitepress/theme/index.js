// VitePress' own look, in the reader's system fonts: no font is downloaded.
import theme from "vitepress/theme-without-fonts";
import "./style.css";

// oxlint-disable-next-line import/no-default-export -- VitePress asks for it
export default theme;
