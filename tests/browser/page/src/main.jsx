import { createRoot } from "react-dom/client";
import { Page } from "./Page.jsx";
import { settings } from "./settings.js";
import "@aws-amplify/ui-react/styles.css";
import "@aws-amplify/ui-react-liveness/styles.css";
import "./page.css";

createRoot(document.getElementById("page")).render(<Page settings={settings()} />);
